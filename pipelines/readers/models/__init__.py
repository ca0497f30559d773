"""What hydraulic models share: sections of `.inp`, schematic coordinates."""
