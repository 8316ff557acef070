"use strict";

const KEY = "progress-api-tokens";

// A token is a secret: sessionStorage keeps it over a reload and forgets it with the tab. The
// persistAuthorization of Swagger UI would leave it in localStorage, for the next person at this
// browser.
const KeepTokens = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        persistAuthorizationIfNeeded: (_, system) => () =>
          sessionStorage.setItem(KEY, JSON.stringify(system.authSelectors.authorized())),
      },
    },
  },
});

const page = SwaggerUIBundle({
  dom_id: "#page",
  url: document.querySelector("link[rel=service-desc]").href,
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [KeepTokens],
  layout: "BaseLayout",
  onComplete: () => {
    const authorized = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    page.authActions.restoreAuthorization({ authorized });
  },
});
