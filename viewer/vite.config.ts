import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { viteStaticCopy } from "vite-plugin-static-copy";

/** Where `npm run dev` finds a running twin; the built viewer is served by the twin itself. */
const twin = process.env.TWIN_URL ?? "http://127.0.0.1:8000";

const doors = ["/api", "/ogc", "/sta", "/tiles", "/live", "/healthz", "/readyz"];

// The copy plugin keeps directories: four levels lie above Cesium's own folders.
const cesiumAssets = ["Assets", "ThirdParty", "Workers", "Widgets"].map((folder) => ({
  src: `node_modules/cesium/Build/Cesium/${folder}/**/*`,
  dest: "cesium",
  rename: { stripBase: 4 as const },
}));

export default defineConfig({
  base: "./",
  define: {
    CESIUM_BASE_URL: '"./cesium"',
    __VUE_OPTIONS_API__: "true",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __INTLIFY_PROD_DEVTOOLS__: "false",
    __INTLIFY_DROP_MESSAGE_COMPILER__: "false",
  },
  plugins: [vue(), viteStaticCopy({ targets: cesiumAssets })],
  build: {
    outDir: "../api/static",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    // A font or image inside a style sheet would be a data: address, which the page does not allow itself.
    assetsInlineLimit: 0,
    // Cesium is one library of four megabytes, loaded beside the frame and not before it.
    chunkSizeWarningLimit: 5000,
  },
  server: {
    proxy: Object.fromEntries(doors.map((door) => [door, { target: twin, changeOrigin: true }])),
  },
});
