"use strict";

SwaggerUIBundle({
  dom_id: "#page",
  url: document.querySelector("link[rel=service-desc]").href,
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  displayRequestDuration: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
