// The status page in a browser, as people use it.
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import {
  become, control, desktop, eventually, isFocused, isOpen, launch, names, offer, phone, quit, record, screenshot, signIn,
  site, visit,
} from "./browser.js";

const settled = 60; // records that never change, named "z-00.example.org" and so on
const refusal = /status of (401|403|409)/;

before(launch);
after(quit);

test("a failover is seen as it happens", () => visit("live", {}, async (page) => {
  const www = record(page, "www.example.org");
  await become(page, "www.example.org", "normal");
  await page.locator("#live.on").waitFor();
  await page.evaluate(() => { globalThis.neverReloaded = true; });
  await www.locator("summary").press("Enter");
  assert.ok(await isOpen(www.locator("details")), "the record does not open");

  await control("stop", "www");
  await become(page, "www.example.org", "failed_over");
  await page.getByRole("status").filter({ hasText: "www.example.org IPv4 failed over to tier 2" }).waitFor();
  await page.locator(".attention").getByRole("link", { name: "Failed over www.example.org" }).waitFor();
  await www.getByText("IPv4 failed over to tier 2").first().waitFor();
  assert.ok(await isOpen(www.locator("details")), "the record was closed meanwhile");
  assert.ok(await isFocused(www.locator("summary")), "the record has lost the focus");
  await screenshot(page, "live, failed over");

  await control("start", "www");
  await become(page, "www.example.org", "normal");
  await page.locator(".attention").getByText("www.example.org").waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => globalThis.neverReloaded), "the page was loaded again");
}));

test("a record is found", () => visit("search", {}, async (page) => {
  await page.keyboard.press("/");
  await page.keyboard.type("www.ex");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "1 record with “www.ex”" }).waitFor();
  assert.deepEqual(await names(page), ["www.example.org"]);

  await page.getByRole("searchbox").fill("there is no such name");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("No record is like that.").waitFor();
  await page.getByRole("link", { name: /^Show all \d/ }).click();
  await page.getByRole("heading", { name: `${settled + 3} records` }).waitFor();
}));

test("records are filtered by state, and paged", () => visit("filter", {}, async (page) => {
  await become(page, "db.example.org", "fail_closed");
  await page.getByRole("navigation", { name: "Filter by state" }).getByRole("link", { name: "Fail closed 1" }).click();
  await page.getByRole("heading", { name: "1 fail closed record" }).waitFor();
  assert.deepEqual(await names(page), ["db.example.org"]);
  assert.ok(await isOpen(record(page, "db.example.org").locator("details")), "what fails is not open");

  await page.getByRole("link", { name: /^All/ }).click();
  await page.getByText("Page 1 of 2").waitFor();
  const first = await names(page);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByText("Page 2 of 2").waitFor();
  const all = [...first, ...await names(page)];
  assert.equal(new Set(all).size, settled + 3);
  assert.deepEqual(all, all.toSorted());
}));

test("a target is drained by who signs in", () => visit("drain", { expected: refusal }, async (page) => {
  const shop = record(page, "shop.example.org");
  const steer = (target) => shop.locator(`button[data-steer][data-target="${target}"]`);
  await become(page, "shop.example.org", "normal");
  assert.equal(await page.locator("[data-steer]").count(), 0, "one steers without a token");
  await offer(page, "no-token-of-this-server");
  await page.getByRole("alert").filter({ hasText: "the token is wrong" }).waitFor();
  await page.getByLabel("Token").fill(site.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await shop.locator("summary").click();
  const [primary, secondary] = await shop.locator(".target .word").allTextContents();

  const dialog = page.getByRole("dialog", { name: `Steer ${primary} of shop.example.org` });
  await steer(primary).click();
  await dialog.getByRole("radio", { name: "Drain" }).check();
  await dialog.getByRole("button", { name: "Drain" }).click();
  assert.ok(await dialog.isVisible(), "it is done without a reason");
  await dialog.getByLabel("Reason").fill("kernel update <b>");
  await screenshot(page, "drain, dialog");
  await dialog.getByRole("button", { name: "Drain" }).click();
  await dialog.waitFor({ state: "hidden" });
  await become(page, "shop.example.org", "failed_over");
  await shop.locator(".force").filter({ hasText: /drained by alice .+ends in .+kernel update <b>/ }).waitFor();
  await eventually(() => isFocused(steer(primary)), "the focus returns to where it was");
  await screenshot(page, "drain, drained");

  // The last target that is eligible is drained only by who insists.
  const last = page.getByRole("dialog", { name: `Steer ${secondary} of shop.example.org` });
  await steer(secondary).click();
  await last.getByRole("radio", { name: "Drain" }).check();
  await last.getByLabel("Reason").fill("both at once");
  assert.ok(await last.getByLabel("even if it is the last eligible target").isHidden(), "insisting comes first");
  await last.getByRole("button", { name: "Drain" }).click();
  await last.getByLabel("even if it is the last eligible target").waitFor();
  assert.notEqual(await last.getByRole("alert").textContent(), "");
  await screenshot(page, "drain, refused");
  await last.getByLabel("even if it is the last eligible target").check();
  await last.getByRole("button", { name: "Drain" }).click();
  await last.waitFor({ state: "hidden" });
  await page.getByText("2 forced states").waitFor();

  for (const target of [secondary, primary]) {
    await steer(target).click();
    const open = page.getByRole("dialog", { name: `Steer ${target} of` });
    await open.getByRole("radio", { name: "Clear" }).check();
    assert.ok(await open.getByLabel("Ends by itself").isDisabled(), "the end of what has none is asked for");
    await open.getByLabel("Reason").fill("done");
    await open.getByRole("button", { name: "Clear" }).click();
    await open.waitFor({ state: "hidden" });
  }
  await become(page, "shop.example.org", "normal");
  await shop.locator(".force").first().waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Sign in", { exact: true }).first().waitFor();
  assert.equal(await page.locator("[data-steer]").count(), 0, "who has signed out steers");
}));

test("who may not read signs in first", () => visit("door", { url: site.closed, expected: refusal }, async (page) => {
  await mustBeAccessible(page, "the form");
  assert.doesNotMatch(await page.content(), /example\.org/);
  await screenshot(page, "door, closed");
  await page.getByLabel("Token").fill("no-token-of-this-server");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "the token is wrong" }).waitFor();
  await page.getByLabel("Token").fill(site.token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "www.example.org" }).waitFor();
  await page.locator("#live.on").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
}));

test("keys do what a mouse does", () => visit("keys", {}, async (page) => {
  const rows = page.locator("article.record summary");
  await page.keyboard.press("Tab");
  assert.ok(await isFocused(page.getByRole("link", { name: "Skip to the records" })), "the first stop skips nothing");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.ok(await isFocused(rows.nth(0)), "what follows is not the first record");

  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  assert.ok(await isFocused(rows.nth(2)), "j and the arrow do not go on");
  await page.keyboard.press("k");
  assert.ok(await isFocused(rows.nth(1)), "k does not go back");
  const details = page.locator("article.record details").nth(1);
  for (const key of ["Enter", "Space"]) {
    const before = await isOpen(details);
    await page.keyboard.press(key);
    assert.equal(await isOpen(details), !before, key);
  }
  const ring = await rows.nth(1).evaluate((row) => getComputedStyle(row).outlineStyle);
  assert.notEqual(ring, "none", "the focus is not to be seen");

  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("j");
  await screenshot(page, "keys, dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });
  assert.ok(await isFocused(rows.nth(1)), "the focus is lost with the dialog");

  await page.keyboard.press("/");
  await page.keyboard.type("jk?/");
  assert.equal(await page.getByRole("searchbox").inputValue(), "jk?/");
}));

test("a theme is chosen, and kept", () => visit("theme", { colorScheme: "light" }, async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const button = page.getByRole("button", { name: /^Theme/ });
  await button.click();
  assert.equal(await ground(), light);
  await button.click();
  assert.equal(await button.textContent(), "Theme: dark");
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark);
  await button.click();
  assert.equal(await ground(), light);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await ground(), dark);
}));

test("all is read without a script", () => visit("without script", { javaScriptEnabled: false }, async (page) => {
  const db = record(page, "db.example.org");
  await db.getByText("connection refused").first().waitFor();
  await db.getByText("Last transitions").waitFor();
  const calm = record(page, "z-00.example.org");
  assert.ok(await calm.getByText("192.0.2.1").first().isVisible(), "the answer is hidden");
  await calm.locator("summary").click();
  await calm.getByText("None since this server has started.").waitFor();
  for (const idle of ["#theme", "#help"]) {
    assert.ok(await page.locator(idle).isHidden(), `${idle} is shown, and does nothing`);
  }
  await page.getByRole("searchbox").fill("db");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("heading", { name: "1 record with “db”" }).waitFor();
  await signIn(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Sign in", { exact: true }).first().waitFor();
}));

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing serious, ${colorScheme}`, () => visit(`axe ${colorScheme}`, { colorScheme }, async (page) => {
    await become(page, "db.example.org", "fail_closed");
    await signIn(page);
    await page.locator("#live.on").waitFor();
    await mustBeAccessible(page, "list");
    await record(page, "www.example.org").locator("summary").click();
    await mustBeAccessible(page, "a record that is open");
    await record(page, "www.example.org").getByRole("button", { name: "Steer" }).first().click();
    await mustBeAccessible(page, "dialog");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await mustBeAccessible(page, "keys");
    await page.goto(new URL("/?id=db.example.org", site.url).href);
    await mustBeAccessible(page, "one record");
  }));
}

async function mustBeAccessible(page, where) {
  // What fades in or out is judged when it has.
  await page.waitForFunction(() => document.getAnimations().length === 0);
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const words = violations.map((v) => `${v.impact}: ${v.help}: ${v.nodes.map((n) => n.html).join("\n")}`);
  assert.deepEqual(words, [], `${where}: what axe finds`);
}

test("a phone is wide enough", () => visit("phone", { viewport: phone, isMobile: true }, async (page) => {
  await become(page, "db.example.org", "fail_closed");
  await mustFit(page, "list");
  await signIn(page);
  await mustFit(page, "signed in");
  await record(page, "db.example.org").getByRole("button", { name: "Steer" }).first().click();
  await mustFit(page, "dialog");
  await screenshot(page, "phone, dialog");
}));

async function mustFit(page, where) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${where}: ${wide} pixels in ${room}`);
  assert.equal(room, phone.width, `${where}: the browser has zoomed out`);
}

test("a lost connection is told", () => visit("lost", {
  expected: /ERR_FAILED/,
  prepare: (page) => page.route("**/v1/events", (route) => route.abort()),
}, async (page) => {
  await page.getByText(/^Connection lost, showing state of \d\d:\d\d:\d\d$/).waitFor();
  await page.unroute("**/v1/events");
  await page.getByText("Live", { exact: true }).waitFor();
}));

test("a flood of changes costs a few requests", () => {
  const asked = [];
  const flood = Array.from({ length: 2000 }, (_, i) => `event: transition\ndata: ${JSON.stringify({
    at: new Date().toISOString(), kind: "record", record: `z-0${i % 10}.example.org@x`, name: `z-0${i % 10}.example.org`,
    family: "IPv4", from: "normal, tier 1", to: "failed_over, tier 2",
  })}\n\n`);
  return visit("flood", {
    prepare: async (page) => {
      page.on("request", (request) => asked.push(request.url()));
      await page.route("**/v1/events", async (route) => {
        // The IDs are those that the page has.
        const ids = await page.locator("article.record").evaluateAll((all) => all.map((one) => one.dataset.id));
        const id = (name) => ids.find((i) => i.startsWith(`${name}@`)) ?? name;
        const body = flood.join("").replaceAll(/"record":"([^@"]+)@x"/g, (_, name) => `"record":${JSON.stringify(id(name))}`);
        await route.fulfill({ contentType: "text/event-stream", body: `retry: 600000\n\n${body}` });
      });
    },
  }, async (page) => {
    await page.getByRole("status").filter({ hasText: /changes, the last: z-0\d.example.org IPv4 failed over/ }).waitFor();
    await eventually(() => asked.some((url) => url.includes("/overview")) || asked.filter((url) => url === page.url()).length > 1,
      "the page asks for what has changed");
    await page.waitForTimeout(1500);
    assert.ok(asked.length < 25, `${asked.length} requests`);
    await page.keyboard.press("j");
    assert.ok(await isFocused(page.locator("article.record summary").first()), "the page does not react");
  });
});

test("10,000 records are shown at once", (t) => visit("many", { url: site.many }, async (page) => {
  await page.getByRole("heading", { name: "10,000 records" }).waitFor();
  assert.equal((await names(page)).length, 50);
  const figures = [];
  for (let i = 0; i < 5; i++) {
    figures.push(await page.evaluate(async () => {
      const paint = () => performance.getEntriesByName("first-contentful-paint")[0];
      while (!paint()) await new Promise((done) => { setTimeout(done, 10); });
      const [load] = performance.getEntriesByType("navigation");
      return { paint: Math.round(paint().startTime), reply: Math.round(load.responseEnd), bytes: load.decodedBodySize };
    }));
    await page.reload();
  }
  for (const f of figures) {
    t.diagnostic(`10,000 records: first paint after ${f.paint} ms, reply after ${f.reply} ms, ${f.bytes} bytes`);
  }
  await page.keyboard.press("/");
  await page.keyboard.type("r09999");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "1 record with “r09999”" }).waitFor();
  assert.deepEqual(await names(page), ["r09999.example.org"]);
}));

test("what is looked at can be kept", { skip: !process.env.PAGE_SCREENSHOTS }, async () => {
  for (const [size, viewport] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"]) {
      await visit(`look ${size} ${colorScheme}`, { viewport, colorScheme }, (page) => page.locator("#live.on").waitFor());
    }
  }
});
