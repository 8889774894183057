"""What sphinx-gallery does before each example: one look for all pictures."""


def reset(gallery_conf, fname):
    """Set the style of pictures; sphinx-gallery has put matplotlib back to its defaults."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"figure.figsize": (6.4, 4.0), "figure.constrained_layout.use": True})
