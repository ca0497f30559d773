export default { app: { name: "一张图" } };
