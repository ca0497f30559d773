"""The drawn map: the twin's own layers as a picture, the same for 3D, 2D and WMTS."""
