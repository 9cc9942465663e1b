"""A Gaussian process over learning curves: it predicts the mean curve of any config from those of the recorded ones.

The kernel is Matérn 5/2 with a length scale per column of the configs, fitted by marginal likelihood; all evaluation points
share it. Returns are modelled on a scale halfway between their own and that of their ranks. On their own scale, good configs
of a task with a ceiling hardly differ; on that of ranks, a few configs that are far better than all others do not stand out.
"""

import warnings

import numpy as np

NOISE = (1e-2, 2.0)  # bounds of the variance that the process can't explain, against a variance of 1
LENGTH_SCALES = (0.05, 1e3)


class CurveModel:
    """A fitted Gaussian process.

    Args:
        encoded: configs `(config, column)`.
        curves: their mean returns `(config, point)`.
    """

    def __init__(self, encoded: np.ndarray, curves: np.ndarray):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        warped = self.scale(curves)
        self._curves, self._warped = np.sort(curves, axis=0), np.sort(warped, axis=0)  # one rises with the other
        matern = Matern(np.ones(encoded.shape[1]), LENGTH_SCALES, nu=2.5)
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * matern + WhiteKernel(0.1, NOISE)
        self._process = GaussianProcessRegressor(kernel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a column without effect has the longest length scale
            self._process.fit(encoded, warped)

    @staticmethod
    def scale(curves: np.ndarray) -> np.ndarray:
        """Return returns `(config, point)` on the scale of the process, on which each point has mean 0 and variance 1."""
        return standardized(standardized(curves) + normal_scores(curves))

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        """Return the mean curves of configs `(config, point)`, within the range of the recorded ones at each point."""
        warped = self._process.predict(encoded).reshape(len(encoded), -1)
        columns = zip(warped.T, self._warped.T, self._curves.T, strict=True)
        return np.stack([np.interp(*column) for column in columns], axis=1)

    def similarity(self, encoded: np.ndarray) -> np.ndarray:
        """Return how alike the process takes configs and the recorded ones to be, `(config, recorded config)`."""
        return self._process.kernel_.k1(encoded, self._process.X_train_)


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the ranks within each column as quantiles of the normal distribution, with mean 0 and variance 1."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return standardized(ndtri((rankdata(values, axis=0) - 0.5) / len(values)))


def standardized(values: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and variance 1; 0 where all values of a column are the same."""
    deviations = values - values.mean(axis=0)
    spread = deviations.std(axis=0)
    return deviations / np.where(spread > 1e-9 * np.abs(values).max(axis=0), spread, np.inf)
