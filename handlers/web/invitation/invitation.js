"use strict";

const choices = document.getElementById("choices");
const outcome = document.getElementById("outcome");

// Messages by the status of the response. After any other status the user can try again.
const messages = {
  200: "You are a member now.",
  204: "The invitation is declined.",
  401: "Sign in first, then return to this page.",
  404: "There is no invitation for you here. It may have been withdrawn, accepted or declined before.",
  422: "This invitation has expired. Ask for another.",
};

async function send(choice) {
  const buttons = choices.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  let status = 0;
  try {
    const response = await fetch(`/api/organizations/${choices.dataset.organization}/members/${choice}`, { method: "POST" });
    status = response.status;
  } catch {
    // The network failed; the text below says to try again.
  }
  outcome.textContent = messages[status] ?? "That did not work. Try again in a moment.";
  if (status === 200 || status === 204) {
    choices.hidden = true;
    return;
  }
  buttons.forEach((button) => { button.disabled = false; });
}

choices.addEventListener("click", (event) => {
  const choice = event.target.dataset.choice;
  if (choice) {
    send(choice);
  }
});
