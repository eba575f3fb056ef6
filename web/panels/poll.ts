/** How panels read the machine: regularly, but only while somebody can see the result. */

/**
 * Calls `read` every `interval_ms` while the panel is unfolded, on screen and the page itself is shown, and once as soon
 * as it is. A reading that takes longer than the interval delays the next one.
 */
export function whileShown(panel: HTMLDetailsElement, interval_ms: number, read: () => Promise<void>): void {
  let onScreen = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reading = false;

  const shown = () => onScreen && panel.open && document.visibilityState === "visible";
  const turn = async () => {
    clearTimeout(timer);
    if (!shown() || reading) return;
    reading = true;
    try {
      await read();
    } finally {
      reading = false;
    }
    timer = setTimeout(turn, interval_ms);
  };

  new IntersectionObserver((entries) => {
    onScreen = entries[entries.length - 1].isIntersecting;
    void turn();
  }).observe(panel);
  panel.addEventListener("toggle", () => void turn());
  document.addEventListener("visibilitychange", () => void turn());
}
