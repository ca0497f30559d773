import "./style/tokens.css";
import "./style/base.css";
import { createApp } from "vue";
import App from "./frame/App.vue";
import { i18n } from "./i18n";

createApp(App).use(i18n).mount("#app");

// The face comes after the frame: a list of a hundred subsets, of which a page needs a few, or none.
void import("@fontsource-variable/noto-sans-sc/wght.css");
