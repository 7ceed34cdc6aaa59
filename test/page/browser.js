// A real Chromium, and what all tests do with it.
import { chromium } from "playwright-core";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import assert from "node:assert/strict";

const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: page_test.go runs these tests`);
  return value;
};

export const site = {
  url: need("PAGE_URL"), // of a server with few records
  closed: need("PAGE_CLOSED"), // of one that shows nothing without a token
  many: need("PAGE_MANY"), // of one with 10,000
  token: need("PAGE_TOKEN"), // that may do everything
  control: need("PAGE_CONTROL"), // starts and stops what is probed
};

// patience is how long is waited for what must happen, in milliseconds.
const patience = 30_000;

// endurance is how long a visit may take, in milliseconds.
const endurance = 120_000;

export const desktop = { width: 1280, height: 900 };
export const phone = { width: 390, height: 844 };

let browser;

export async function launch() {
  browser = await chromium.launch({
    executablePath: need("PAGE_CHROMIUM"),
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}

export const quit = () => browser?.close();

// visit opens a page, hands it to steps, and closes it. The page may not say any
// error but those that are expected: a breach of the content security policy is
// one. A visit that takes too long is closed, so that the step that hangs fails:
// Playwright waits for a script in the page without an end.
export async function visit(name, options, steps) {
  const { path = "/", url = site.url, expected = /^$/, prepare, ...context } = options;
  const own = await browser.newContext({ viewport: desktop, ...context });
  own.setDefaultTimeout(patience);
  const end = setTimeout(() => own.close(), endurance);
  const errors = [];
  let page;
  try {
    page = await own.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
    await prepare?.(page);
    await page.goto(new URL(path, url).href);
    await steps(page);
    await screenshot(page, name);
    assert.deepEqual(errors.filter((e) => !expected.test(e)), [], "the browser's console has errors");
  } catch (error) {
    await screenshot(page, `${name}, failed`).catch(() => {});
    throw error;
  } finally {
    clearTimeout(end);
    await own.close();
  }
}

// screenshot keeps what is to be seen, where it is asked for.
export async function screenshot(page, name) {
  const directory = process.env.PAGE_SCREENSHOTS;
  if (!directory) return;
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.png`);
  const fullPage = await page.locator("dialog[open]").count() === 0; // a dialog covers what is in view
  await page.screenshot({ path, fullPage });
}

// control stops or starts a server that is probed.
export async function control(verb, backend) {
  const reply = await fetch(`${site.control}/${verb}/${backend}`, { method: "POST" });
  assert.equal(reply.status, 204, await reply.text());
}

// record is the record of a name on a page.
export const record = (page, name) =>
  page.locator("article.record").filter({ has: page.getByRole("heading", { level: 3, name, exact: true }) });

export const names = (page) => page.locator("article.record h3").allTextContents();

// become waits until a record is in a state.
export async function become(page, name, state) {
  const id = await record(page, name).getAttribute("data-id");
  await page.locator(`article.record[data-id="${id}"][data-state="${state}"]`).waitFor();
}

// offer gives a token to the form that asks for one.
export async function offer(page, token) {
  await page.getByText("Sign in", { exact: true }).first().click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// signIn returns when the page is there that is shown to who has signed in: the
// one before it must not be looked at any more.
export async function signIn(page) {
  await offer(page, site.token);
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

// eventually waits until found is true.
export async function eventually(found, what) {
  for (const end = Date.now() + patience; ; await new Promise((done) => { setTimeout(done, 50); })) {
    if (await found()) return;
    assert.ok(Date.now() < end, `still not: ${what}`);
  }
}

export const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);
export const isOpen = (locator) => locator.evaluate((element) => element.open);
