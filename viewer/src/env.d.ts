/// <reference types="vite/client" />

declare const CESIUM_BASE_URL: string;
