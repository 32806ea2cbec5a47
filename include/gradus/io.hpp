#pragma once

#include "gradus/io/csv.hpp"
#include "gradus/io/file.hpp"
