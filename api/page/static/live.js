// Keeps a page live: opens its event stream, says so when it is away, and brings everything anew when it is back.
"use strict";

(() => {
  const SILENT_AFTER = 40_000; // more than two beats of the server
  const HIDDEN_AFTER = 20_000; // a page that nobody sees gives its connection back: browsers have few of them
  const AGO_EVERY = 20_000;

  const mark = document.getElementById("live");
  const kept = document.getElementById("stream-source");
  if (!mark || !kept || !window.EventSource) return;

  let heardAt = 0;
  let lostAt = null;
  let asked = false;
  let hiding = null;

  const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  const say = (state, text) => {
    if (mark.dataset.live === state && mark.textContent === text) return;
    mark.dataset.live = state;
    mark.textContent = text;
    document.body.classList.toggle("stale", state === "off");
  };

  const lost = (why) => {
    lostAt = lostAt ?? new Date(heardAt || Date.now());
    say("off", `not live since ${clock(lostAt)}: ${why || "the connection is lost, it is tried again"}`);
  };

  // A stream that lives may say that it has nothing newer to tell: then what is shown is old all the same.
  const settle = () => {
    if (document.querySelector("#trouble p")) {
      lost("nothing newer is told");
      return;
    }
    lostAt = null;
    say("on", "live");
  };

  const heard = () => {
    heardAt = Date.now();
    settle();
  };

  const toLogin = () => {
    const here = location.pathname + location.search;
    location.assign(`/page/login?then=${encodeURIComponent(here)}`);
  };

  const connect = () => {
    disconnect();
    const stream = document.importNode(kept.content, true).firstElementChild;
    document.body.append(stream);
    window.htmx.process(stream);
  };

  const disconnect = () => {
    const stream = document.getElementById("stream");
    if (stream) window.htmx.swap(stream, "", { swapStyle: "delete" });
  };

  // A browser does not tell why a stream is refused: so it is asked for once more, and only the answer is looked at.
  const askWhy = async (address) => {
    if (asked) return;
    asked = true;
    setTimeout(() => { asked = false; }, 5_000);
    const end = new AbortController();
    try {
      const answer = await fetch(address, { headers: { Accept: "text/event-stream" }, signal: end.signal, cache: "no-store" });
      if (answer.status === 401) return toLogin();
      if (!answer.ok) {
        const told = await answer.json().catch(() => null);
        lost(told && told.error ? told.error.message : `the API answers ${answer.status}`);
      }
    } catch {
      // It is away, and that is said already.
    } finally {
      end.abort();
    }
  };

  document.body.addEventListener("htmx:sseOpen", (event) => {
    const source = event.detail.source;
    heard();
    if (source.instar) return;
    source.instar = true;
    source.addEventListener("beat", heard);
    source.addEventListener("changes", heard);
    source.addEventListener("login", toLogin);
    for (const name of ["cells", "state"]) {
      source.addEventListener(name, (told) => {
        heard();
        document.body.dispatchEvent(new CustomEvent(`instar:${name}`, { detail: told.data }));
      });
    }
  });

  document.body.addEventListener("htmx:sseError", (event) => {
    lost();
    askWhy(event.detail.source.url);
  });

  setInterval(() => {
    if (document.hidden || !heardAt || Date.now() - heardAt < SILENT_AFTER) return;
    lost("nothing is heard, it is tried again");
    heardAt = Date.now();
    connect();
  }, 5_000);

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => { disconnect(); lost("nobody looks at this page"); }, HIDDEN_AFTER);
    } else if (!document.getElementById("stream")) {
      connect();
    }
  });

  // From the browser's memory of pages: what it shows is old, and its stream is closed.
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });

  const ago = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const seconds = Math.round((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (Number.isNaN(seconds)) continue;
      const size = Math.abs(seconds);
      const text = size < 60 ? `${size} s` : size < 5400 ? `${Math.round(size / 60)} min`
        : size < 172_800 ? `${Math.round(size / 3600)} h` : `${Math.round(size / 86_400)} d`;
      const told = seconds < 0 ? `in ${text}` : `${text} ago`;
      if (time.dataset.ago !== told) time.dataset.ago = told;
    }
  };
  ago();
  setInterval(ago, AGO_EVERY);
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    ago();
    if (heardAt && document.getElementById("stream")) settle();
  });

  connect();
})();
