// The status page is complete without this script. With it, the page follows
// what the server says as it happens, is used by keys, and steers.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  // The theme is set before anything is painted.
  const themes = ["system", "light", "dark"];
  const storage = {
    get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("theme", value); } catch { /* it is not remembered */ } },
  };
  const theme = () => (themes.includes(storage.get()) ? storage.get() : "system");
  const applyTheme = (chosen) => { root.dataset.theme = chosen; };
  applyTheme(theme());

  document.addEventListener("DOMContentLoaded", () => {
    setUpTheme();
    setUpSignIn();
    if (!document.getElementById("live")) return; // only a form to sign in
    setUpAges();
    setUpKeys();
    setUpSteering();
    follow();
  });

  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  function setUpTheme() {
    const button = document.getElementById("theme");
    if (!button) return;
    const say = () => {
      const words = { system: "auto", light: "light", dark: "dark" };
      button.textContent = `Theme: ${words[theme()]}`;
    };
    button.addEventListener("click", () => {
      const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
      storage.set(next);
      applyTheme(next);
      say();
    });
    say();
  }

  // A token that is wrong is told where it was given.
  function setUpSignIn() {
    for (const form of all("form.token")) {
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const refusal = one(".refusal", form);
        refusal.textContent = "";
        try {
          const body = new URLSearchParams(new FormData(form));
          const reply = await fetch(form.action, { method: "POST", body, redirect: "manual" });
          if (reply.type === "opaqueredirect") { location.reload(); return; }
          refusal.textContent = (await reply.json()).detail;
          one("input", form).select();
        } catch {
          refusal.textContent = "The server can not be reached.";
        }
      });
    }
  }

  // --- Ages: what the server wrote goes on with its clock. ---

  let ahead = 0; // of the server's clock, in milliseconds

  function setUpAges() {
    ahead = Date.now() - Date.parse(one("#live").dataset.now);
    setInterval(() => { if (!document.hidden) writeAges(document); }, 1000);
  }

  function writeAges(within) {
    const now = Date.now() - ahead;
    for (const time of all("time", within)) {
      const text = age(now - Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function age(ms) {
    if (ms < 0 && ms > -5000) ms = 0; // the clocks agree no better than that
    if (ms < 0) return `in ${age(-ms)}`;
    const s = Math.floor(ms / 1000), min = Math.floor(s / 60), h = Math.floor(min / 60), d = Math.floor(h / 24);
    if (s < 60) return `${s} s`;
    if (min < 60) return `${min} min`;
    if (h < 24) return `${h} h ${min % 60} min`;
    return `${d} d ${h % 24} h`;
  }

  const clock = (date) => date.toLocaleTimeString([], { hour12: false });

  // --- Parts of the page are put in place anew. ---

  async function fetchHTML(path) {
    const reply = await fetch(path, { credentials: "same-origin", cache: "no-store" });
    if (!reply.ok) throw Object.assign(new Error(reply.statusText), { status: reply.status });
    return new DOMParser().parseFromString(await reply.text(), "text/html");
  }

  // swap replaces an element, and leaves open what is open and the focus where
  // it is. What is being selected stays until the next time.
  function swap(old, fresh) {
    const selection = getSelection();
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return old;
    const focused = old.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
    const before = all("details", old), after = all("details", fresh);
    after.forEach((details, i) => { if (before[i]) details.open = before[i].open; });
    if (old.dataset.state !== fresh.dataset.state) fresh.classList.add("fresh");
    fresh = document.importNode(fresh, true);
    old.replaceWith(fresh);
    writeAges(fresh);
    if (focused !== undefined) focusOn(fresh, focused);
    return fresh;
  }

  function focusOn(within, key) {
    const element = all("[data-focus]", within).find((e) => e.dataset.focus === key) || one("summary", within);
    if (element) element.focus({ preventScroll: true });
  }

  const records = () => all("article.record");
  const recordOf = (id) => records().find((r) => r.dataset.id === id);

  async function renewRecord(id) {
    const old = recordOf(id);
    if (!old) return;
    const full = "full" in old.dataset ? "&full" : "";
    const fresh = one("article", await fetchHTML(`/record?id=${encodeURIComponent(id)}${full}`));
    if (fresh && old.isConnected) swap(old, fresh);
  }

  async function renewAll() {
    const page = await fetchHTML(location.href);
    for (const fresh of all("article.record", page)) {
      const old = recordOf(fresh.dataset.id);
      if (old) swap(old, fresh);
    }
    renewOverviewWith(one("#overview", page));
  }

  async function renewOverview() {
    renewOverviewWith(one("#overview", await fetchHTML(`/overview${location.search}`)));
  }

  // The list itself stays as it is, so that nothing moves under the reader's
  // hand: a link says where it no longer holds.
  let first; // what the list was made from
  function renewOverviewWith(fresh) {
    const old = document.getElementById("overview");
    first ??= { ...old.dataset };
    if (!fresh) return;
    const { total, configuration, disturbed } = fresh.dataset;
    const link = document.getElementById("changed");
    link.hidden = total === first.total && configuration === first.configuration;
    one("a", link).href = location.href;
    document.title = document.title.replace(/^(\(\d+\) )?/, disturbed === "0" ? "" : `(${disturbed}) `);
    swap(old, fresh);
  }

  // --- What happens is followed. ---

  const dirty = new Set(); // the IDs of records on this page that have changed
  const many = 8; // that many are asked for at once
  let overviewDirty = false, allDirty = false, working = false, lost = false;

  function follow() {
    const events = new EventSource("/v1/events");
    events.addEventListener("open", () => {
      if (lost) { allDirty = true; work(); } // what came to pass meanwhile is not known
      lost = false;
      sayLive();
    });
    events.addEventListener("error", () => {
      if (!lost) { lost = true; sayLive(new Date()); }
      // A stream that was refused is not tried again by the browser.
      if (events.readyState === EventSource.CLOSED) { events.close(); setTimeout(follow, 5000); }
    });
    for (const type of ["message", "transition", "record", "target", "forced"]) {
      events.addEventListener(type, (event) => {
        let t;
        try { t = JSON.parse(event.data); } catch { return; }
        if (t && t.record) happened(t);
      });
    }
    if (follow.once) return;
    follow.once = true;
    setInterval(() => {
      if (document.hidden) return;
      if (lost) allDirty = true;
      for (const r of records()) if (one("details", r).open && inView(r)) dirty.add(r.dataset.id);
      overviewDirty = true;
      work();
    }, 10000);
    document.addEventListener("visibilitychange", work);
  }

  function inView(element) {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  function sayLive(since) {
    const line = document.getElementById("live");
    line.classList.toggle("on", !since);
    line.classList.toggle("off", Boolean(since));
    one(".text", line).textContent = since ? `Connection lost, showing state of ${clock(since)}` : "Live";
  }

  function happened(t) {
    if (recordOf(t.record)) dirty.add(t.record);
    overviewDirty = true;
    say(t);
    work();
  }

  // work asks for what has changed: one request at a time, and some time after
  // each, so that a flood of changes costs no more than a few.
  async function work() {
    if (working || document.hidden) return;
    working = true;
    try {
      while (allDirty || overviewDirty || dirty.size) {
        if (allDirty || dirty.size > many) {
          allDirty = overviewDirty = false;
          dirty.clear();
          await attempt(renewAll);
          await pause(1000);
        } else if (dirty.size) {
          const [id] = dirty;
          dirty.delete(id);
          await attempt(() => renewRecord(id));
          await pause(50);
        } else {
          overviewDirty = false;
          await attempt(renewOverview);
          await pause(500);
        }
      }
    } finally {
      working = false;
    }
  }

  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

  async function attempt(task) {
    try {
      await task();
      if (lost) sayLive(new Date()); // what is shown is of now, all the same
    } catch (error) {
      if (error.status === 401) location.reload(); // signed out by now
      if (error.status === 404) overviewDirty = true; // a record is gone
    }
  }

  // --- Transitions are said aloud: not each of a flood. ---

  let waiting = [], saying = false, clearing;

  function say(t) {
    if (t.kind === "target") return; // the record's own page shows it
    waiting.push(t);
    if (!saying) sayNext();
  }

  async function sayNext() {
    saying = true;
    while (waiting.length) {
      const [last] = waiting.slice(-1), n = waiting.length;
      waiting = [];
      const text = n === 1 ? sentence(last) : `${n} changes, the last: ${sentence(last)}`;
      document.getElementById("said").textContent = text;
      clearTimeout(clearing);
      clearing = setTimeout(() => { document.getElementById("said").textContent = ""; }, 8000);
      await pause(1500);
    }
    saying = false;
  }

  function sentence(t) {
    if (t.kind === "record") return `${t.name} ${t.family && t.family !== "any" ? `${t.family} ` : ""}${change(t.to)}`;
    const state = (s) => (s === "drained" ? s : `forced ${s}`);
    const who = t.target ? `${t.name}, target ${t.target},` : t.name;
    return t.to ? `${who} is ${state(t.to)}` : `${who} is no longer ${state(t.from)}`;
  }

  function change(to) {
    const [state] = to.split(", ");
    const [tier] = to.match(/tier [1-9]\d*/) ?? ["no tier"];
    switch (state) {
      case "normal": return `is normal on ${tier}`;
      case "failed_over": return `failed over to ${tier}`;
      case "fail_open": return `fails open on ${tier}`;
      case "fail_closed": return "fails closed";
      case "fail_next": return "is left to the next plugin";
      default: return `is ${to}`;
    }
  }

  // --- Keys. ---

  function setUpKeys() {
    const keys = document.getElementById("keys");
    document.getElementById("help").addEventListener("click", () => keys.showModal());
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
      if (event.target.matches("input, select, textarea")) {
        if (event.key === "Escape") event.target.blur();
        return;
      }
      const onRecord = event.target.matches("article.record summary");
      const action = {
        "/": () => { const q = document.getElementById("q"); q.focus(); q.select(); },
        "?": () => keys.showModal(),
        j: () => step(1),
        k: () => step(-1),
        ArrowDown: onRecord && (() => step(1)),
        ArrowUp: onRecord && (() => step(-1)),
      }[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  function step(by) {
    const rows = all("article.record summary");
    if (!rows.length) return;
    const article = document.activeElement.closest("article.record");
    const at = article ? rows.indexOf(one("summary", article)) : by > 0 ? -1 : rows.length;
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  // --- Steering. ---

  function setUpSteering() {
    const dialog = document.getElementById("steer");
    if (!dialog) return;
    const form = one("form", dialog), fields = form.elements, refusal = one(".refusal", dialog);
    const override = one(".override", dialog), submit = one("button.do", dialog);
    let what; // is steered: { id, name, target, key }

    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-steer]");
      if (!button) return;
      const record = button.closest("article.record");
      what = { id: record.dataset.id, target: button.dataset.target, key: button.dataset.focus };
      const name = one(".name", record).textContent;
      one(".of", dialog).textContent = what.target ? `${what.target} of ${name}` : name;
      form.reset();
      refuse("");
      override.hidden = true;
      one(".for-record", dialog).hidden = Boolean(what.target);
      matchAction();
      dialog.showModal();
    });
    one("[value=cancel]", dialog).addEventListener("click", () => dialog.close());
    form.addEventListener("change", matchAction);
    form.addEventListener("submit", (event) => { event.preventDefault(); act(); });
    dialog.addEventListener("close", () => {
      const record = recordOf(what.id);
      if (record) focusOn(record, what.key);
    });

    // Only a forced state ends by itself.
    function matchAction() {
      const chosen = fields.action.value && one("input[name=action]:checked + span b", form);
      submit.textContent = chosen ? chosen.textContent : "Do it";
      fields.expires.disabled = ["clear", "failback"].includes(fields.action.value);
    }

    function refuse(detail) { refusal.textContent = detail; }

    async function act() {
      const [verb, state] = fields.action.value.split(" ");
      const action = { reason: fields.reason.value.trim() };
      if (what.target) action.target = what.target;
      if (state) action.state = state;
      if (!fields.expires.disabled && fields.expires.value) action.expires_in = fields.expires.value;
      if (fields.override.checked) action.force = true;
      submit.disabled = true;
      try {
        const reply = await fetch(`/v1/records/${encodeURIComponent(what.id)}/${verb}`, {
          method: "POST",
          credentials: "same-origin",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(action),
        });
        if (!reply.ok) { await refused(reply); return; }
        dialog.close();
        dirty.add(what.id);
        overviewDirty = true;
        work();
      } catch {
        refuse("The server can not be reached.");
      } finally {
        submit.disabled = false;
      }
    }

    async function refused(reply) {
      const problem = await reply.json().catch(() => ({}));
      refuse(problem.detail || `The server refuses: ${reply.status} ${reply.statusText}`);
      if (problem.reason === "refused") override.hidden = false;
    }
  }
})();
