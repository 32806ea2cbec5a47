#pragma once

#include "gradus/io/csv.hpp"
#include "gradus/io/file.hpp"
#include "gradus/io/idx.hpp"
#include "gradus/io/npy.hpp"
#include "gradus/io/safetensors.hpp"
