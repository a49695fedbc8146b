
const answer = document.getElementById("answer");
document.getElementById("call").addEventListener("click", async () => {
  answer.hidden = false;
  answer.textContent = "…";
  try {
    const response = await fetch("/api/whoami", { headers: { Accept: "application/json" } });
    const text = await response.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch { /* not JSON: as it is */ }
    const limit = 4000;
    if (shown.length > limit) shown = shown.slice(0, limit) + "\n…";
    answer.textContent = `${response.status} ${response.statusText}\n\n${shown}`;
  } catch (problem) {
    answer.textContent = String(problem);
  }
});
