// The IDE page: a log-in form, then GraphiQL with the token that it gave.
//
// Tokens live in variables of this page and nowhere else. GraphiQL would keep documents and variables
// in the browser's storage; here it gets one that the page forgets, because they hold customers' data.
"use strict";

(() => {
  const ENDPOINT = "/graphql";
  const LOGIN = `mutation LogIn($input: LoginInput!) {
    login(input: $input) { accessToken refreshToken userErrors { message } }
  }`;
  const REFRESH = `mutation Refresh($input: RefreshInput!) {
    refreshToken(input: $input) { accessToken refreshToken userErrors { message } }
  }`;
  const LOGOUT = `mutation LogOut($input: LogoutInput!) {
    logout(input: $input) { userErrors { message } }
  }`;
  const WHO = "{ viewer { roles } }";

  const { createElement: h, useState } = React;
  let tokens = null;

  const post = async (parameters, signal) => {
    const headers = {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
    };
    if (tokens) headers.authorization = `Bearer ${tokens.accessToken}`;
    const response = await fetch(ENDPOINT, {
      method: "POST",
      headers,
      body: JSON.stringify(parameters),
      credentials: "omit",
      signal,
    });
    return { status: response.status, answer: await response.json() };
  };

  // Both mutations answer alike. Returns a message when there are no tokens to be had.
  const obtain = async (field, query, input) => {
    tokens = null;
    const { answer } = await post({ query, variables: { input } });
    const payload = answer.data?.[field];
    if (!payload?.accessToken) {
      const error = payload?.userErrors?.[0] ?? answer.errors?.[0];
      return error?.message ?? "This did not work.";
    }
    tokens = payload;
    return null;
  };

  // Several requests may find the token expired at once; a refresh token is good once.
  let refreshing = null;
  const refresh = () => {
    refreshing ??= obtain("refreshToken", REFRESH, { refreshToken: tokens.refreshToken }).finally(
      () => { refreshing = null; },
    );
    return refreshing;
  };

  const memory = () => {
    const kept = new Map();
    return {
      get length() { return kept.size; },
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => { kept.set(key, value); },
      removeItem: (key) => { kept.delete(key); },
      clear: () => { kept.clear(); },
    };
  };

  function Entry({ onEntered }) {
    const [message, setMessage] = useState("");
    const enter = async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      setMessage("");
      try {
        const input = { email: form.get("email"), password: form.get("password") };
        setMessage(await obtain("login", LOGIN, input) ?? await onEntered(input.email) ?? "");
      } catch {
        setMessage("The server does not answer.");
      }
    };
    const enterWithToken = async (event) => {
      event.preventDefault();
      tokens = { accessToken: new FormData(event.target).get("token").trim(), refreshToken: null };
      try {
        setMessage(await onEntered("token") ?? "");
      } catch {
        setMessage("The server does not answer.");
      }
    };
    const field = (label, properties) => h("label", null, label, h("input", { required: true, ...properties }));
    return h("div", { className: "entry" },
      h("h1", null, "Customer Flow"),
      h("p", null, "Log in to query the API."),
      h("form", { onSubmit: enter },
        field("E-mail", { name: "email", type: "email", autoComplete: "username", autoFocus: true }),
        field("Password", { name: "password", type: "password", autoComplete: "current-password" }),
        h("button", { type: "submit" }, "Log in")),
      h("p", { className: "refused", role: "alert" }, message),
      h("details", null,
        h("summary", null, "I have an access token"),
        h("form", { onSubmit: enterWithToken },
          field("Bearer token", { name: "token", type: "password", autoComplete: "off" }),
          h("button", { type: "submit" }, "Use it"))));
  }

  // One tab for each example that one of the viewer's roles is meant for.
  const examplesFor = (roles) => EXAMPLES
    .filter((example) => example.roles.some((role) => roles.includes(role)))
    .map(({ query, variables }) => ({
      query,
      variables: variables ? JSON.stringify(withToday(variables), null, 2) : undefined,
    }));

  const withToday = (variables) => Object.fromEntries(Object.entries(variables).map(
    ([name, value]) => [name, value === "today" ? new Date().toISOString().slice(0, 10) : value]));

  function Page() {
    const [name, setName] = useState(null);
    const [tabs, setTabs] = useState([]);
    const forget = () => { tokens = null; setName(null); };
    // A token that somebody pasted is theirs to end, not this page's.
    const leave = async () => {
      const refreshToken = tokens?.refreshToken;
      try {
        if (refreshToken) await post({ query: LOGOUT, variables: { input: { refreshToken } } });
      } finally {
        forget();
      }
    };
    const [storage] = useState(memory);
    const fetcher = async (parameters) => {
      let { status, answer } = await post(parameters);
      if (status === 401 && tokens?.refreshToken && !(await refresh())) {
        ({ status, answer } = await post(parameters));
      }
      if (status === 401) forget();
      return answer;
    };
    const enter = async (entered) => {
      const { status, answer } = await post({ query: WHO });
      if (status !== 200) return answer.errors?.[0]?.message ?? "This did not work.";
      setTabs(examplesFor(answer.data.viewer.roles));
      setName(entered);
      return null;
    };
    if (name === null) return h(Entry, { onEntered: enter });
    return h("div", { className: "page" },
      h("div", { className: "bar" },
        h("strong", null, "Customer Flow"),
        h("span", null, name),
        h("button", { onClick: leave }, "Log out")),
      h("div", { className: "editor" },
        h(GraphiQL, { fetcher, storage, defaultTabs: tabs, isHeadersEditorEnabled: false, shouldPersistHeaders: false })));
  }

  ReactDOM.createRoot(document.getElementById("ide")).render(h(Page));
})();
