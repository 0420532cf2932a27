// A form is sent once: its buttons rest while the answer is under way. Without this file the server sees to the same.
"use strict";

function rest(form, resting) {
  form.toggleAttribute("data-resting", resting);
  form.setAttribute("aria-busy", String(resting));
  for (const button of form.querySelectorAll("button")) {
    button.disabled = resting;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-once")) {
    return;
  }
  if (form.hasAttribute("data-resting")) {
    event.preventDefault();
    return;
  }
  form.toggleAttribute("data-resting", true);
  // The button that was pressed is part of what is sent: it rests once that is put together.
  setTimeout(() => rest(form, true), 0);
});

// The way back shows the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    rest(form, false);
  }
});
