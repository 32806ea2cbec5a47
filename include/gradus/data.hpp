#pragma once

#include "gradus/data/dataset.hpp"
#include "gradus/data/digits.hpp"
#include "gradus/data/loader.hpp"
#include "gradus/data/report.hpp"
#include "gradus/data/scaler.hpp"
#include "gradus/data/split.hpp"
#include "gradus/data/synthetic.hpp"
