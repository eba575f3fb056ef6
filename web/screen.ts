/**
 * The machine's screen on a canvas, and its keyboard. Asks the machine for the picture in animation frames, at most
 * thirty times a second, less often when nothing moves and not at all while nobody can see it; painter.ts turns it
 * into pixels. A transparent text area over the canvas takes the keyboard, so that phones offer theirs: keys go out as
 * scan codes (keyboard.ts), text without keys is typed.
 */
import type { Screen } from "../host/api.ts";
import { Keyboard } from "./keyboard.ts";
import type { Machine } from "./machine.ts";
import { Painter } from "./painter.ts";
import { LeaveRule } from "./ui/leave_rule.ts";
import { shortcutOf } from "./ui/shortcuts.ts";

const FRAME_MS = 33;
const STILL_FRAME_MS = 120;
/** So many unchanged answers in a row (a second of them) make a still picture. */
const STILL_AFTER = 30;
/** Half a period of the VGA's cursor and of its blinking characters: 16 and 32 frames of 1/70 s. */
const CURSOR_MS = 229;
const BLINK_MS = 457;
/** How often the text alternative follows the picture. */
const TRANSCRIPT_MS = 1000;
/** Scan codes are handed over a few at a time, as typing would: the guest's controller holds only so many. */
const TYPE_CHUNK = 8;
const TYPE_PAUSE_MS = 15;

export interface ScreenElements {
  canvas: HTMLCanvasElement;
  /** Takes the keyboard; lies over the canvas. */
  input: HTMLTextAreaElement;
  /** Text alternative of the canvas. */
  transcript: HTMLElement;
  /** The room the picture may fill. */
  frame: HTMLElement;
}

export class ScreenView {
  /** Takes and clears the key row's pending Ctrl. */
  takeControl: () => boolean = () => false;
  /** Called when the mode shown changes, with words for it. */
  onMode: (description: string) => void = () => {};

  private readonly painter = new Painter();
  private readonly keyboard: Keyboard;
  private readonly leave = new LeaveRule();
  private readonly steady = matchMedia("(prefers-reduced-motion: reduce)");
  private visible = false;
  private asking = false;
  private forced = true;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  private wasOn = false;
  private nrStill = 0;
  private mode = "";
  private transcriptAt_ms = 0;
  private typing = Promise.resolve();

  constructor(
    private readonly elements: ScreenElements,
    private readonly machine: Machine,
  ) {
    this.keyboard = new Keyboard((bytes) => {
      machine.keyboardInput(bytes);
      this.hurry();
    });
    new IntersectionObserver((entries) =>
      this.setVisible(entries.some((entry) => entry.isIntersecting)),
    ).observe(elements.frame);
    new ResizeObserver(() => this.show()).observe(elements.frame);
    machine.listen({
      state: () => {
        // An idle machine falls asleep and wakes many times a second; that is no news for the screen.
        if (machine.on === this.wasOn) return;
        this.wasOn = machine.on;
        this.forced = true;
        this.hurry();
      },
    });
    this.takeKeys(elements.input);
  }

  focus(): void {
    this.elements.input.focus({ preventScroll: true });
  }

  get focused(): boolean {
    return document.activeElement === this.elements.input;
  }

  /** The text on the screen; "" in a graphics mode. */
  text(): string {
    return this.painter.text();
  }

  /** The picture as the guest has it: its size and RGBA pixels. */
  picture(): ImageData {
    const { frame } = this.painter;
    return frame.getContext("2d")!.getImageData(0, 0, frame.width, frame.height);
  }

  /** Presses and releases keys by their KeyboardEvent.code, together if there are several. */
  sendKeys(...codes: string[]): void {
    if (this.takeControl()) codes.unshift("ControlLeft");
    this.keyboard.chord(...codes);
  }

  /** Types text as on a US keyboard. */
  type(text: string): Promise<void> {
    // One text after the other: what is typed later must not overtake a long one.
    this.typing = this.typing.then(() => this.typeInPieces(text));
    return this.typing;
  }

  private async typeInPieces(text: string): Promise<void> {
    if (text.length === 1 && this.takeControl()) {
      this.keyboard.press("ControlLeft");
      this.keyboard.type(text.toLowerCase());
      this.keyboard.release("ControlLeft");
      return;
    }
    for (let i = 0; i < text.length; i += TYPE_CHUNK) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, TYPE_PAUSE_MS));
      this.keyboard.type(text.slice(i, i + TYPE_CHUNK));
    }
  }

  private setVisible(visible: boolean): void {
    if (visible === this.visible) return;
    this.visible = visible;
    this.forced = true;
    this.hurry();
  }

  /** Looks at the next frame, and often for a while: something is likely to change. */
  private hurry(): void {
    this.nrStill = 0;
    this.schedule(0);
  }

  /** Plans the next look; in an animation frame, so that a hidden page never looks. */
  private schedule(delay_ms: number): void {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    if (!this.visible) return;
    this.timer = setTimeout(
      () => (this.frame = requestAnimationFrame((now) => void this.look(now))),
      delay_ms,
    );
  }

  private async look(now: number): Promise<void> {
    if (!this.steady.matches && this.machine.on) this.blink(now);
    if (this.machine.present && (this.machine.on || this.forced) && !this.asking) await this.ask();
    const still = this.nrStill >= STILL_AFTER;
    this.schedule(still ? STILL_FRAME_MS : Math.max(0, FRAME_MS - (performance.now() - now)));
  }

  private async ask(): Promise<void> {
    this.asking = true;
    const forced = this.forced;
    this.forced = false;
    const screen = await this.machine.ask((api) => api.screen(forced));
    this.asking = false;
    if (!screen) {
      this.nrStill++;
      if (this.nrStill === STILL_AFTER) this.transcribe();
      return;
    }
    this.nrStill = 0;
    this.painter.paint(screen);
    this.show();
    this.describe(screen);
    if (performance.now() - this.transcriptAt_ms > TRANSCRIPT_MS) this.transcribe();
  }

  private blink(now: number): void {
    const cursorOn = Math.floor(now / CURSOR_MS) % 2 === 0;
    const blinkOn = Math.floor(now / BLINK_MS) % 2 === 0;
    if (this.painter.blink(cursorOn, blinkOn)) this.show();
  }

  /**
   * Puts the frame on the canvas: enlarged by whole pixels to at least the size shown, then reduced smoothly by the
   * browser. Straight edges stay sharp and all strokes equally wide at any window size.
   */
  private show(): void {
    const { canvas, frame } = this.elements;
    const source = this.painter.frame;
    if (source.width <= 1) return;
    const available = frame.clientWidth * devicePixelRatio;
    const scale = Math.max(1, Math.min(3, Math.ceil(available / source.width - 0.01)));
    const width = source.width * scale;
    const height = source.height * scale;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      frame.style.setProperty("--screen-ratio", String(source.width / source.height));
    }
    const context = canvas.getContext("2d", { alpha: false })!;
    context.imageSmoothingEnabled = false;
    context.drawImage(source, 0, 0, width, height);
  }

  private describe(screen: Screen): void {
    const mode =
      screen.mode === "text"
        ? `text, ${screen.columns} × ${screen.rows}`
        : `graphics, ${screen.width} × ${screen.height}`;
    if (mode === this.mode) return;
    this.mode = mode;
    this.onMode(mode);
    this.elements.frame.dataset.mode = screen.mode;
  }

  private transcribe(): void {
    this.transcriptAt_ms = performance.now();
    this.elements.transcript.textContent = this.text() || `The screen shows ${this.mode || "nothing"}.`;
  }

  private takeKeys(input: HTMLTextAreaElement): void {
    input.addEventListener("keydown", (event) => {
      if (this.leave.leaves(event) || shortcutOf(event)) return;
      // A phone's keyboard composes text and names no key; the input event brings the text.
      if (event.isComposing || event.code === "" || event.metaKey) return;
      if (event.ctrlKey && event.shiftKey && event.code === "KeyV") return; // the browser pastes
      if (this.takeControl()) {
        this.keyboard.chord("ControlLeft", event.code);
        event.preventDefault();
      } else if (this.keyboard.press(event.code, characterOf(event))) {
        event.preventDefault();
      }
    });
    input.addEventListener("keyup", (event) => {
      if (this.keyboard.release(event.code)) event.preventDefault();
      // Systems with a Command key do not report the release of keys that were down with it.
      if (event.key === "Meta") this.keyboard.releaseAll();
    });
    input.addEventListener("blur", () => this.keyboard.releaseAll());
    input.addEventListener("input", (event) => {
      const { inputType, data, isComposing } = event as InputEvent;
      if (isComposing) return;
      if (inputType === "deleteContentBackward") this.sendKeys("Backspace");
      else if (inputType === "insertLineBreak" || inputType === "insertParagraph") void this.type("\n");
      else if (data) void this.type(data);
      input.value = " "; // something for Backspace to delete, so that it is reported
    });
    input.addEventListener("compositionend", (event) => {
      void this.type(event.data);
      input.value = " ";
    });
    input.addEventListener("paste", (event) => {
      event.preventDefault();
      void this.type(event.clipboardData?.getData("text/plain") ?? "");
    });
    input.value = " ";
  }
}

/** The character that a key press means to its user; "" where the key itself is meant (chords, letters under caps lock). */
function characterOf(event: KeyboardEvent): string {
  if (event.getModifierState("AltGraph")) return event.key;
  if (event.ctrlKey || event.altKey) return "";
  if (event.getModifierState("CapsLock") && /^[a-z]$/i.test(event.key)) return "";
  return event.key;
}
