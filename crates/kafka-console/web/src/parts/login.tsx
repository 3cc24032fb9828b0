/**
 * Asks for the token, once: the server gives a cookie for it, and nothing else keeps it.
 *
 * `/login#TOKEN` logs in too; the token leaves the address bar before anything else happens.
 */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { problem, type Problem } from "../state/feed";
import { Icon } from "./icons";

export function Login(props: { problem: Problem | null; onDone: () => void }): JSX.Element {
  const { onDone } = props;
  const [token, setToken] = useState("");
  const [refused, setRefused] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  const enter = async (value: string): Promise<void> => {
    setBusy(true);
    setRefused(null);
    const found = await logIn(value);
    setBusy(false);
    setToken("");
    if (found === null) {
      onDone();
    } else {
      setRefused(found);
    }
  };

  useEffect(() => {
    const given = window.location.hash.slice(1);
    if (given !== "") {
      window.history.replaceState(null, "", window.location.pathname + window.location.search);
      void enter(decoded(given));
    }
    // Once: the address has a token only when the page is opened.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const shown = refused ?? props.problem;
  if (props.problem?.login === "proxy") {
    return (
      <div class="login">
        <h2>Not let in</h2>
        <p>{props.problem.error}</p>
        <p class="bare-remedy">{props.problem.remedy}</p>
      </div>
    );
  }
  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        void enter(token);
      }}
    >
      <h2>This console wants a token</h2>
      <p>It stands in the file that the console was started with (--token-file).</p>
      <label>
        Token
        <input
          type="password"
          autoComplete="current-password"
          required
          value={token}
          onInput={(event) => {
            setToken(event.currentTarget.value);
          }}
        />
      </label>
      <button type="submit" class="button button-main" disabled={busy}>
        {busy ? "One moment…" : "Open the console"}
      </button>
      {shown === null ? null : (
        <p class="login-problem" role="alert">
          <Icon name="error" /> {shown.error} {shown.remedy}
        </p>
      )}
    </form>
  );
}

/** A token that nobody has encoded may have a `%` of its own. */
function decoded(given: string): string {
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}

async function logIn(token: string): Promise<Problem | null> {
  try {
    const answer = await fetch("/api/v1/login", { headers: { authorization: `Bearer ${token.trim()}` } });
    return answer.ok ? null : problem(answer.status, await answer.json().catch(() => null));
  } catch {
    return { error: "The console's server cannot be reached.", remedy: null, status: null, login: null };
  }
}
