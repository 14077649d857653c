"""The report: page, charts, figures and words.

The only room that imports Pillow, Bokeh or Jinja.
"""
