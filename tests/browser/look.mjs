// Reads {pages, views, ask, pictures, own} from standard input; writes what it saw, by page, width and colour scheme.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const { pages, views, ask, pictures, own } = JSON.parse(readFileSync(0, "utf8"));
const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const options = { args: ["--no-sandbox", "--disable-gpu"], executablePath: process.env.CHROMIUM };
if (!options.executablePath) {
  const { default: chromium } = await import("@sparticuz/chromium");
  options.executablePath = await chromium.executablePath();
  options.args = [...chromium.args, "--no-sandbox"];
  options.headless = "shell";
}
const browser = await puppeteer.launch(options);
const found = {};
for (const address of pages) {
  found[address] = {};
  for (const [width, scheme] of views) {
    const tab = await browser.newPage();
    const seen = { errors: [], requests: [], violations: [], overflow: 0, answers: [] };
    await tab.setViewport({ width, height: 900 });
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    tab.on("console", (message) => ["error", "warn"].includes(message.type()) && seen.errors.push(message.text()));
    tab.on("pageerror", (error) => seen.errors.push(error.message));
    tab.on("request", (request) => {
      const { origin } = new URL(address);
      const known = request.url() === address || request.url().startsWith(`${origin}${own}`);
      if (!known && !request.url().startsWith("data:")) seen.requests.push(request.url());
    });
    await tab.goto(address);
    if (pictures) await tab.screenshot({ path: `${pictures}/${width}-${scheme}.png`, fullPage: true });
    seen.overflow = await tab.evaluate(() => Math.max(0, document.documentElement.scrollWidth - innerWidth));
    for (const question of ask) seen.answers.push((await tab.evaluate(question)) ?? null);
    await tab.evaluate(axe);
    seen.violations = await tab.evaluate(async () => {
      for (const each of document.querySelectorAll("details")) each.open = true;
      const { violations } = await axe.run();
      return violations
        .filter((each) => ["serious", "critical"].includes(each.impact))
        .map((each) => `${each.id}: ${each.nodes[0].html.slice(0, 200)}`);
    });
    found[address][`${width} ${scheme}`] = seen;
    await tab.close();
  }
}
await browser.close();
process.stdout.write(JSON.stringify(found));
