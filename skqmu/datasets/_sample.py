"""A few packaged images, so that convolutional front-ends run without a network."""

from importlib.resources import files

from ._read import check_images, read_npz

__all__ = ["load_fashion_sample"]


def load_fashion_sample():
    """Load 200 packaged images of Fashion-MNIST, 20 of each class.

    Returns
    -------
    data : sklearn.utils.Bunch
        As of :func:`load_fashion_mnist`: ``X`` float64 of shape (200, 784) in [0, 1], ``y``,
        ``index``, ``image_shape``, ``target_names`` and ``name``.

    Notes
    -----
    Fashion-MNIST is (c) 2017 Zalando SE, under the MIT licence; the notice lies beside the
    file.

    Examples
    --------
    >>> from skqmu.datasets import load_fashion_sample
    >>> sample = load_fashion_sample()
    >>> sample.X.shape, sample.target_names[9]
    ((200, 784), 'ankle boot')
    """
    from sklearn.utils import Bunch

    from ._large import _FASHION

    path = files(__package__) / "data" / "fashion_mnist_sample.npz"
    with path.open("rb") as file:
        X, y, index = check_images(read_npz(str(path), ("X", "y", "index"), file), path)
    return Bunch(
        X=X / 255.0,
        y=y,
        index=index,
        image_shape=(28, 28),
        target_names=list(_FASHION),
        name="fashion_mnist_sample",
    )
