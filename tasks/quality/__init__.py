"""The quality of images: their properties as a table, and the images that stand out, by image and by class.

Imports no other stage.
"""
