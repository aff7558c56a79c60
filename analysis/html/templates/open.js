(function () {
  "use strict";
  // A link to a fold shows what is in the fold; without this script the reader opens it by hand.
  function reveal(hash) {
    var place = hash.length > 1 ? document.getElementById(hash.slice(1)) : null;
    for (var box = place; box; box = box.parentElement) {
      if (box.tagName === "DETAILS") { box.open = true; }
    }
    return place;
  }
  function arrive() {
    var place = reveal(location.hash);
    if (!place) { return; }
    place.scrollIntoView();
    if (place.tagName === "DETAILS") { place.querySelector("summary").focus({ preventScroll: true }); }
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[href^='#']") : null;
    // The same link twice changes no hash, so that nothing else would tell.
    if (link && link.getAttribute("href") === location.hash) { arrive(); }
  });
  addEventListener("hashchange", arrive);
  arrive();
})();
