// What a keyboard and a screen reader need, and the theme lacks: focus for what scrolls, and a name for the search.
const mend = () => {
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
  for (const each of document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap"))
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
};
if (window.document$) window.document$.subscribe(() => requestAnimationFrame(mend));
else addEventListener("load", mend);
addEventListener("resize", mend);
