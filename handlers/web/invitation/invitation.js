"use strict";

const answers = document.getElementById("answers");
const outcome = document.getElementById("outcome");

// What is said about an answer's status; everything else can be tried again.
const said = {
  200: "You are a member now.",
  204: "The invitation is declined.",
  401: "Sign in first, then come back to this page.",
  404: "There is no invitation for you here. It may have been withdrawn or answered before.",
  422: "This invitation is too old. Ask for another.",
};

async function answer(kind) {
  const buttons = answers.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  let status = 0;
  try {
    const response = await fetch(`/api/organizations/${answers.dataset.organization}/members/${kind}`, { method: "POST" });
    status = response.status;
  } catch {
    // The network failed; the text below says to try again.
  }
  outcome.textContent = said[status] ?? "That did not work. Try again in a moment.";
  if (status === 200 || status === 204) {
    answers.hidden = true;
    return;
  }
  buttons.forEach((button) => { button.disabled = false; });
}

answers.addEventListener("click", (event) => {
  const kind = event.target.dataset.answer;
  if (kind) {
    answer(kind);
  }
});
