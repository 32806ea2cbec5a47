#include "gradus/train/source.hpp"

#include <algorithm>
#include <cmath>

#include "base/messages.hpp"
#include "gradus/data/digits.hpp"
#include "gradus/error.hpp"
#include "gradus/io/file.hpp"
#include "gradus/io/idx.hpp"
#include "gradus/io/npy.hpp"
#include "gradus/ops.hpp"
#include "io/csv/scan.hpp"
#include "io/disk/output.hpp"

namespace gradus::train {
namespace {

using io::detail::quote;

struct Set {
  const char* name;
  data::TensorDataset (*make)(const data::SyntheticOptions& options);
  data::SyntheticOptions defaults;
};

const std::vector<Set>& sets() {
  static const std::vector<Set> list = {
      {"xor", data::make_xor, {.n = 400, .noise = 0.1}},
      {"moons", data::make_moons, {.n = 600, .noise = 0.1}},
      {"circles", data::make_circles, {.n = 600, .noise = 0.05}},
      {"spirals", data::make_spirals, {.n = 900, .noise = 0.01}},
      {"blobs", data::make_blobs, {.n = 600, .noise = 1}},
      {"sine", data::make_sine, {.n = 600, .noise = 0}},
      {"random", data::make_random_labels, {.n = 400, .features = 10}},
  };
  return list;
}

data::TensorDataset make_set(const Set& set, data::SyntheticOptions options) {
  if (options.n == 0) options.n = set.defaults.n;
  if (options.noise < 0) options.noise = set.defaults.noise;
  if (options.classes == 0) options.classes = 3;
  if (options.features == 0) options.features = set.defaults.features;
  return set.make(options);
}

bool is_idx(const std::string& path) {
  return path.find("ubyte") != std::string::npos || path.ends_with(".idx") ||
         path.ends_with(".idx.gz");
}

Tensor read_array(const std::string& path) {
  return is_idx(path) ? io::read_idx(path) : io::read_npy(path);
}

/// Names the first of the values that are not good.
[[noreturn]] void refuse_values(const Tensor& values, const Tensor& good, const char* what,
                                const std::string& name, const std::string& fault,
                                const std::string& required) {
  const Index at = argmin(good.to(int64).reshape({values.numel()})).item<Index>();
  const Index count = values.numel() - sum(good.to(int64)).item<Index>();
  const Index width = values.dim() ? values.numel() / std::max<Index>(values.size(0), 1) : 1;
  const double first = values.reshape({values.numel()})[at].item();
  const std::string shown = std::isfinite(first) ? " (" + text_of(first) + ")" : "";
  fail("load_source", name, ": ", what, " hold ", count,
       (count == 1 ? " value that is " : " values that are "), fault, ", the first in sample ",
       at / width, " at place ", at % width, shown, "; ", required);
}

/// Throws for NaN and infinity, which arrays have no policies for as tables do.
void require_finite(const Tensor& values, const char* what, const std::string& name) {
  if (!values.defined() || !is_floating_point(values.dtype()) || values.numel() == 0) return;
  const Tensor finite = isfinite(values);
  if (!all(finite).item<bool>())
    refuse_values(values, finite, what, name, "not finite",
                  "finite numbers are required; remove the sample, or fill in a value");
}

/// Finite values as the type that is computed with, which may be too narrow for them.
Tensor as_dtype(const Tensor& values, DType dtype, const char* what, const std::string& name) {
  Tensor out = values.to(dtype);
  if (values.dtype() != float64 || dtype != float32 || values.numel() == 0) return out;
  const Tensor fits = isfinite(out);
  if (!all(fits).item<bool>())
    refuse_values(values, fits, what, name, "too large for float32",
                  "numbers up to 3.4028235e38 are required; scale them, or compute in float64 "
                  "(precision = float64)");
  return out;
}

/// Inputs as floating point, (n, features…); targets as labels (n) or quantities (n, outputs).
data::TensorDataset join(Tensor x, Tensor y, const SourceOptions& options,
                         const std::string& name) {
  if (x.dim() < 1 || x.size(0) < 1)
    fail("load_source", name, ": holds inputs of shape ", x.shape(),
         "; samples along the first axis, one or more, are required");
  if (x.dim() == 1) x = x.reshape({x.size(0), 1});
  x = as_dtype(x, options.csv.dtype, "the inputs", name);
  if (!y.defined()) {
    if (options.need_targets)
      fail("load_source", name,
           ": holds inputs alone; targets are required; name their file with "
           "labels, or give a .npz file with x and y");
    return data::TensorDataset(x);
  }
  if (y.dim() < 1 || y.size(0) != x.size(0))
    fail("load_source", name, ": ", x.size(0), " inputs and targets of shape ", y.shape(),
         "; one target a sample is required");
  if (y.dim() == 2 && y.size(1) == 1 && !is_floating_point(y.dtype())) y = y.reshape({y.size(0)});
  const bool labels = !is_floating_point(y.dtype()) && y.dim() == 1;
  const bool wants_labels = options.csv.task == io::Task::classification;
  if (options.csv.task == io::Task::regression || (!labels && !wants_labels)) {
    y = as_dtype(y, options.csv.dtype, "the targets",
                 options.labels.empty() ? name : options.labels)
            .reshape({y.size(0), y.numel() / y.size(0)});
    return data::TensorDataset(x, y);
  }
  if (y.dim() != 1)
    fail("load_source", name, ": targets of shape ", y.shape(),
         "; one label a sample is required for classification");
  const Tensor whole = y.to(int64);
  if (is_floating_point(y.dtype()) && !all(eq(whole.to(y.dtype()), y)).item<bool>())
    fail("load_source", name,
         ": targets that are not whole numbers; labels are required for "
         "classification; is this regression?");
  data::TensorDataset set(x, whole);
  const Index least = min(whole).item<Index>(), most = max(whole).item<Index>();
  if (least < 0 || most >= 100000)
    fail("load_source", name, ": labels from ", least, " to ", most,
         "; 0 to the number of classes less 1 is "
         "required");
  for (Index c = 0; c <= most; ++c) set.class_names.push_back(text_of(c));
  return set;
}

data::TensorDataset read_archive(const SourceOptions& options) {
  Tensor x, y;
  std::string names;
  for (const auto& [name, tensor] : io::read_npz(options.data)) {
    names += (names.empty() ? "" : ", ") + name;
    if (name == "x" || name == "X" || name == "data" || name == "x_train") x = tensor;
    if (name == "y" || name == "Y" || name == "target" || name == "labels" || name == "y_train")
      y = tensor;
  }
  if (!x.defined())
    fail("load_source", options.data, ": holds ", (names.empty() ? "nothing" : names),
         "; an array called x (or X, data) is required, and y for the targets");
  require_finite(x, "the inputs", options.data);
  require_finite(y, "the targets", options.data);
  return join(x, y, options, options.data);
}

void require_targets(const SourceOptions& options, const io::RawTable& table) {
  if (options.need_targets && table.targets.empty())
    fail("load_source", table.name,
         ": no target column is chosen; one or more are required; name them, "
         "or leave the target empty for the last");
}

[[noreturn]] void fail_unknown(const std::string& data) {
  if (data.find_first_of("./") != std::string::npos)  // meant as a path
    fail("load_source", data,
         ": there is no such file or folder; a path, or the name of a set, "
         "is required; check the spelling and the current folder");
  const std::string like = nearest_name(data, set_names());
  fail("load_source", data,
       ": there is no such file or folder, and no set of this name; a path, "
       "or one of ",
       gradus::join(set_names()), ", is required; did you mean ", quote(like),
       "? Check the spelling and the current folder");
}

}  // namespace

std::string Source::row_name(Index row) const {
  return printable(name) + (table ? ":" + text_of(table->lines.at(static_cast<std::size_t>(row)))
                                  : ": sample " + text_of(row));
}

std::vector<std::string> set_names() {
  std::vector<std::string> names = {"digits"};
  for (const Set& set : sets()) names.emplace_back(set.name);
  return names;
}

Source load_source(const SourceOptions& options) {
  Source source;
  source.name = options.data;
  if (options.data == "digits") {
    const data::TensorDataset digits = data::load_digits();
    source.arrays = join(digits.x(), digits.y(), options, options.data);
    return source;
  }
  for (const Set& set : sets())
    if (options.data == set.name) {
      const data::TensorDataset made = make_set(set, options.synthetic);
      source.arrays = join(made.x(), made.y(), options, options.data);
      return source;
    }
  if (options.data == "-") {
    source.table = io::parse_raw_csv(io::read_file("/dev/stdin"), options.csv, "standard input");
    require_targets(options, *source.table);
    return source;
  }
  if (!io::detail::exists(options.data)) fail_unknown(options.data);
  if (io::detail::is_folder(options.data)) {
    const io::MnistParts parts = io::load_mnist(options.data);
    source.arrays = join(parts.train.x(), parts.train.y(), options, options.data);
    source.test = join(parts.test.x(), parts.test.y(), options, options.data);
  } else if (options.data.ends_with(".npz")) {
    source.arrays = read_archive(options);
  } else if (options.data.ends_with(".npy") || is_idx(options.data)) {
    Tensor x = read_array(options.data);
    const Tensor y = options.labels.empty() ? Tensor() : read_array(options.labels);
    require_finite(x, "the inputs", options.data);
    require_finite(y, "the targets", options.labels);
    if (is_idx(options.data))  // pixels, as those of MNIST
      x = as_dtype(x, options.csv.dtype, "the inputs", options.data) / 255.0;
    source.arrays = join(x, y, options, options.data);
  } else {
    source.table = io::read_raw_csv(options.data, options.csv);
    require_targets(options, *source.table);
  }
  return source;
}

}  // namespace gradus::train
