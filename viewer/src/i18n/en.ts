export default { app: { name: "One map" } };
