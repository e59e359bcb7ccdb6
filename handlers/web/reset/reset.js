"use strict";

const form = document.getElementById("reset");
const password = document.getElementById("password");
const lead = document.getElementById("lead");
const outcome = document.getElementById("outcome");

const token = new URLSearchParams(location.search).get("token") ?? "";
// The address goes into the history, and is copied: not with the key in it.
history.replaceState(null, "", location.pathname);

const used = "This link was used before, or is too old. Ask for another one where you sign in.";

function say(text) {
  outcome.textContent = text;
}

// refusal says in words why the answer of status 400 is none.
function refusal(body) {
  const details = body?.error?.details;
  const field = Array.isArray(details) && details.find((d) => d.path === "newPassword");
  return field ? `The password ${field.message}.` : used;
}

async function save() {
  let response;
  try {
    response = await fetch("/api/auth/reset-password", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, newPassword: password.value }),
    });
  } catch {
    return say("The network failed. Try again in a moment.");
  }
  switch (response.status) {
    case 200:
      form.remove();
      lead.textContent = "Your password is changed, and you are signed out everywhere. Sign in with the new one.";
      document.querySelector("h1").textContent = "Done";
      return say("");
    case 400:
      return say(refusal(await response.json().catch(() => null)));
    case 429:
      return say("That was tried too often. Wait a few minutes, then try again.");
    default:
      return say("That did not work. Try again in a moment.");
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("");
  await save();
  button.disabled = false;
  password.focus();
});

document.getElementById("show").addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});

if (token) {
  form.hidden = false;
  password.focus();
} else {
  lead.textContent = "The link is not complete. Open it from the mail once more.";
}
