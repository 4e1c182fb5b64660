// Shows the API's own description, from this server and no other.
SwaggerUIBundle({
  url: "v1/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // A token that is typed in here is gone with the page.
  persistAuthorization: false,
  // Swagger UI would otherwise send the description's address to its makers' validator.
  validatorUrl: null,
});
