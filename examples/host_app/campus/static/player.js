// What a player would post while a video runs; here each button is a chapter that was watched.
document.addEventListener("click", async ({ target }) => {
  const { post, body } = target.dataset;
  if (!post) return;
  const headers = { "Content-Type": "application/json" };
  const refusal = document.getElementById("refusal");
  try {
    const answer = await fetch(post, { method: "POST", headers, body });
    if (answer.ok) location.reload();
    else refusal.textContent = (await answer.json()).detail;
  } catch {
    // There is no network, or what stands in front, such as a proxy, refused without JSON.
    refusal.textContent = "That did not work. Try again later.";
  }
});
