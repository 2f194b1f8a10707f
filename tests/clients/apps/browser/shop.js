// What people do in the shop of examples/login, in a real browser. Run by test_browser.py, to which it says on a line of its own when
// the server is to be killed and started again ("RESTART OPTIONS..."); the answer is its address.
const assert = require('node:assert');
const readline = require('node:readline');
const { chromium } = require('playwright-core');

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function restart(...options) {
  console.log(['RESTART', ...options].join(' '));
  return (await answers.next()).value;
}

const pictures = process.env.HYBRID_PICTURES; // a folder for screenshots
async function picture(page, name) {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
}

async function cookies(context) {
  return (await context.cookies()).filter((cookie) => cookie.name.endsWith('sid'));
}
async function idOf(context) {
  const [cookie] = await cookies(context);
  return cookie && cookie.value;
}
async function user(page, url) {
  await page.goto(url);
  const link = page.locator('a[href="/account"]');
  return (await link.count()) ? (await link.textContent()).trim() : null;
}
async function basket(page, url) {
  await page.goto(`${url}basket`);
  const names = await page.locator('input[name="amount"]').evaluateAll((inputs) => inputs.map((input) => [input.id, input.value]));
  return Object.fromEntries(names.map(([id, value]) => [id.replace('amount-', ''), Number(value)]));
}
async function add(page, url, tea) {
  await page.goto(url);
  await page.locator(`form:has(input[value="${tea}"]) button`).click();
}
async function register(page, url, name) {
  await page.goto(`${url}register`);
  await page.fill('#name', name);
  await page.fill('#new', 'correct horse');
  await page.getByRole('button', { name: 'Register' }).click();
}
async function logIn(page, url, name, remember) {
  await page.goto(`${url}login`);
  await page.fill('#name', name);
  await page.fill('#password', 'correct horse');
  if (remember) await page.check('input[name="remember"]');
  await page.getByRole('button', { name: 'Log in' }).click();
}

async function live(browser, url) {
  const home = await browser.newContext();
  const page = await home.newPage();
  assert.equal(await user(page, url), null);
  await page.goto(`${url}session`);
  assert.deepEqual(await cookies(home), [], 'looking around sets no cookie');

  await add(page, url, 'sencha');
  const [cookie] = await cookies(home);
  assert.deepEqual(
    { httpOnly: cookie.httpOnly, sameSite: cookie.sameSite, path: cookie.path, domain: cookie.domain, expires: cookie.expires },
    { httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1', expires: -1 });
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees it');
  await picture(page, 'shop');

  await register(page, url, 'ada');
  const id = await idOf(home);
  assert.notEqual(id, cookie.value, 'the id changes at log-in');
  assert.deepEqual(await basket(page, url), { sencha: 1 });
  await picture(page, 'basket');

  // The same user elsewhere, who is to be remembered.
  const phone = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
  const small = await phone.newPage();
  await logIn(small, url, 'ada', true);
  const [kept] = await cookies(phone);
  const days = (kept.expires - Date.now() / 1000) / 86400;
  assert.ok(days > 29.9 && days < 30.1, `it is kept for ${days} days`);
  assert.deepEqual(await basket(small, url), {}, 'it is another session');
  await add(small, url, 'assam');

  // --- kill -9
  url = await restart();
  assert.equal(await user(page, url), 'ada');
  assert.deepEqual(await basket(page, url), { sencha: 1 });
  assert.deepEqual(await basket(small, url), { assam: 1 });
  assert.equal(await idOf(home), id);
  await page.goto(`${url}session`);
  assert.ok((await page.textContent('body')).includes('The server was started again'));
  await picture(page, 'session');

  // --- Ids that are not ours
  const thief = await browser.newContext();
  const theirs = await thief.newPage();
  for (const value of ['x'.repeat(32), id.slice(0, -1), `${id}x`, 'admin', '']) {
    await thief.clearCookies();
    await thief.addCookies([{ name: 'sid', value, url }]);
    assert.equal(await user(theirs, url), null, `${value.length} characters`);
    await add(theirs, url, 'sencha');
    assert.notEqual(await idOf(thief), value, 'never adopted');
  }

  // --- Forms that others made
  await page.goto(url);
  await page.locator('form[action="/logout"] input[name="csrf"]').evaluate((input) => { input.value = 'A'.repeat(86); });
  await page.locator('form[action="/logout"] button').click();
  assert.ok((await page.textContent('body')).includes('not sent by a page of this site'));
  assert.equal(await user(page, url), 'ada');
  const token = await small.locator('form input[name="csrf"]').first().inputValue();
  await page.locator('form[action="/logout"] input[name="csrf"]').evaluate((input, other) => { input.value = other; }, token);
  await page.locator('form[action="/logout"] button').click();
  assert.equal(await user(page, url), 'ada', "the token of another session's page");

  // --- Log out
  await page.goto(url);
  await page.locator('form[action="/logout"] button').click();
  assert.deepEqual(await cookies(home), [], 'the cookie is gone');
  await thief.clearCookies();
  await thief.addCookies([{ name: 'sid', value: id, url }]);
  assert.equal(await user(theirs, url), null, 'and worth nothing to who has kept it');
  assert.equal(await user(small, url), 'ada', 'the other session goes on');

  // --- Pages on a phone, in the dark, by keyboard
  for (const path of ['', 'basket', 'session', 'account']) {
    await small.goto(url + path);
    const [width, wide] = await small.evaluate(() => [window.innerWidth, document.scrollingElement.scrollWidth]);
    assert.ok(wide <= width, `/${path} is ${wide} wide on a phone of ${width}`);
    const [back, text] = await small.evaluate(() => {
      const brightness = (color) => color.match(/\d+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part);
      const style = getComputedStyle(document.body);
      return [brightness(style.backgroundColor), brightness(style.color)];
    });
    assert.ok(back < 200 && text > 450, `/${path} is light text on a dark page (${back}, ${text})`);
    await picture(small, `phone-${path || 'shop'}`);
  }
  await page.goto(`${url}login`);
  await page.evaluate(() => document.activeElement.blur());
  const reached = [];
  for (let i = 0; i < 15; ++i) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement.name || document.activeElement.textContent.trim()));
  }
  for (const name of ['name', 'password', 'remember', 'Log in']) assert.ok(reached.includes(name), `${name} by keyboard: ${reached}`);
  await page.fill('#name', 'ada');
  await page.fill('#password', 'correct horse');
  await page.keyboard.press('Enter');
  await page.waitForURL((address) => !address.pathname.startsWith('/login'));
  assert.equal(await user(page, url), 'ada');

  // --- The end of an idle session, and of none that is remembered
  url = await restart('--idle-seconds', '2');
  const idle = await browser.newContext();
  const waiting = await idle.newPage();
  await logIn(waiting, url, 'ada');
  assert.equal(await user(waiting, url), 'ada');
  await waiting.waitForTimeout(3500);
  assert.equal(await user(waiting, url), null, 'it was idle for too long');
  assert.equal(await user(small, url), 'ada', 'who is remembered is still there');

  // --- As behind TLS: browsers take Secure cookies of this very machine without
  url = (await restart('--secure')).replace('127.0.0.1', 'localhost');
  const secure = await browser.newContext();
  const locked = await secure.newPage();
  await add(locked, url, 'sencha');
  const [host] = await cookies(secure);
  assert.deepEqual(
    { name: host.name, secure: host.secure, httpOnly: host.httpOnly, sameSite: host.sameSite, path: host.path, domain: host.domain },
    { name: '__Host-sid', secure: true, httpOnly: true, sameSite: 'Lax', path: '/', domain: 'localhost' });
}

(async () => {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    await live(browser, (await answers.next()).value);
    console.log('DONE');
  } finally {
    await browser.close();
    process.exit();
  }
})();
