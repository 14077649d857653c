"""Array types, and the sizes of numbers in bytes."""

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]

FLOAT16 = 2
FLOAT32 = 4
FLOAT64 = 8
NUMBER = 8  # a float64 or an int64
MIB = 2**20
