
const answer = document.getElementById("answer");
document.getElementById("call").addEventListener("click", async () => {
  answer.hidden = false;
  answer.textContent = "…";
  try {
    const response = await fetch("/api/whoami", { headers: { Accept: "application/json" } });
    const text = await response.text();
    answer.textContent = `${response.status} ${response.statusText}\n\n${told(text)}`;
  } catch (problem) {
    answer.textContent = String(problem);
  }
});

// Of what the application received, who it was told is asking; of a refusal, all of it.
function told(text) {
  try {
    const body = JSON.parse(text);
    if (!body.headers) return JSON.stringify(body, null, 1);
    return body.headers
      .filter(([name]) => name.toLowerCase().startsWith("x-authentik-"))
      .map(([name, value]) => `${name}: ${value.length > 60 ? value.slice(0, 60) + "…" : value}`)
      .join("\n");
  } catch {
    return text.slice(0, 4000);
  }
}
