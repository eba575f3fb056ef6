/** Opening and closing of the page's dialogs: the browser's <dialog>, closed by its buttons, Escape or a click beside it. */

/** Opens a dialog; focus goes back to where it was when it closes. */
export function openDialog(dialog: HTMLDialogElement): void {
  if (dialog.open) return;
  dialog.showModal();
}

/** Lets a click on the backdrop and every [data-close] button close the dialog. */
export function setUpDialog(dialog: HTMLDialogElement): void {
  dialog.addEventListener("click", (event) => {
    const closer = (event.target as HTMLElement).closest("[data-close]");
    if (event.target === dialog || closer) dialog.close();
  });
}
