#pragma once

#include <string>

#include "gradus/tensor.hpp"

namespace gradus {
class Generator;
}

/// Initial values for parameters. Each function overwrites the tensor it is given, unrecorded, and
/// returns it; random ones take numbers from `generator`, by default this thread's. For a weight
/// (out, in, k…), fan_in = in k… and fan_out = out k….
namespace gradus::nn::init {

enum class Fan : std::uint8_t { in, out };

/// What an activation does to the scale of a signal: 1 for "linear", "sigmoid", "conv" and others
/// that keep it, 5/3 "tanh", sqrt(2) "relu" (and gelu, silu, …), sqrt(2 / (1 + slope^2))
/// "leaky_relu", 3/4 "selu". Throws with the list of names for an unknown one.
double calculate_gain(const std::string& nonlinearity, double slope = 0.01);

Tensor constant_(Tensor t, double value);
Tensor zeros_(Tensor t);
Tensor ones_(Tensor t);
/// Uniform in [low, high).
Tensor uniform_(Tensor t, double low = 0, double high = 1, Generator* generator = nullptr);
Tensor normal_(Tensor t, double mean = 0, double stddev = 1, Generator* generator = nullptr);
/// Normal, drawn again outside [low, high] (absolute values, not multiples of stddev).
Tensor trunc_normal_(Tensor t, double mean = 0, double stddev = 1, double low = -2, double high = 2,
                     Generator* generator = nullptr);

/// Glorot and Bengio 2010: variance gain^2 2 / (fan_in + fan_out).
Tensor xavier_uniform_(Tensor t, double gain = 1, Generator* generator = nullptr);
Tensor xavier_normal_(Tensor t, double gain = 1, Generator* generator = nullptr);

struct Kaiming {
  std::string nonlinearity = "leaky_relu";
  double slope = 0;  ///< of leaky_relu
  Fan fan = Fan::in;
  Generator* generator = nullptr;
};
/// He et al. 2015: variance gain^2 / fan.
Tensor kaiming_uniform_(Tensor t, const Kaiming& options = {});
Tensor kaiming_normal_(Tensor t, const Kaiming& options = {});

/// LeCun et al. 1998: variance 1 / fan_in, for selu.
Tensor lecun_uniform_(Tensor t, Generator* generator = nullptr);
Tensor lecun_normal_(Tensor t, Generator* generator = nullptr);

/// Saxe et al. 2013: rows (or columns, if there are fewer) of a random orthogonal matrix, times
/// gain; axes after the first count as one.
Tensor orthogonal_(Tensor t, double gain = 1, Generator* generator = nullptr);

/// The customary choice for a weight in front of an activation: He (normal) for relu kinds, LeCun
/// (normal) for selu, Xavier (uniform) with the activation's gain otherwise.
Tensor for_activation_(Tensor t, const std::string& nonlinearity, Generator* generator = nullptr);

}  // namespace gradus::nn::init
