// The code of a link stands behind its #. It is taken out of the address, and with it out of the history, and sent.
"use strict";
const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("code").value = code;
  document.getElementById("once").requestSubmit();
}
