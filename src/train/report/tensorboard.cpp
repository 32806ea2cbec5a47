#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/messages.hpp"
#include "gradus/train/logs.hpp"
#include "io/disk/output.hpp"
#include "train/report/crc32c.hpp"

// An event file is a list of records, each
//   uint64 length, uint32 masked crc of the length, bytes, uint32 masked crc of the bytes
// in little endian, whose bytes are a protocol buffer of type Event (tensorflow/core/util/
// event.proto). The few fields that are needed are written by hand.
namespace gradus::train {
namespace detail {

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      t[i] = i;
      for (int bit = 0; bit < 8; ++bit) t[i] = (t[i] >> 1) ^ (t[i] & 1 ? 0x82F63B78U : 0U);
    }
    return t;
  }();
  std::uint32_t crc = ~before;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

namespace {

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return little_endian(((crc >> 15) | (crc << 17)) + 0xa282ead8U);
}

// ---- protocol buffers: a field is a key (number, wire type) and a value ------------------------

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string whole(unsigned field, Index value) {
  return varint(field << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string real(unsigned field, double value) {
  return varint(field << 3 | 1) + little_endian(value);
}
std::string single(unsigned field, float value) {
  return varint(field << 3 | 5) + little_endian(value);
}
std::string block(unsigned field, const std::string& bytes) {
  return varint(field << 3 | 2) + varint(bytes.size()) + bytes;
}

/// Event.summary = Summary{value: {tag, …}}.
std::string summary(const std::string& tag, const std::string& value) {
  return block(5, block(1, block(1, tag) + value));
}

/// HistogramProto of finite values in 30 equal buckets.
std::string histogram(std::vector<double> values) {
  std::erase_if(values, [](double x) { return !std::isfinite(x); });
  if (values.empty()) values.push_back(0);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double from = *low, to = *high;
  const std::size_t buckets = to > from ? 30 : 1;
  const double width = (to - from) / static_cast<double>(buckets);
  std::vector<double> counts(buckets);
  double sum = 0, squares = 0;
  for (const double x : values) {
    const auto place = width > 0 ? static_cast<std::size_t>((x - from) / width) : 0;
    ++counts[std::min(place, buckets - 1)];
    sum += x;
    squares += x * x;
  }
  std::string limits, bucket;
  for (std::size_t i = 0; i < buckets; ++i) {
    limits += little_endian(i + 1 == buckets ? to : from + width * static_cast<double>(i + 1));
    bucket += little_endian(counts[i]);
  }
  return real(1, from) + real(2, to) + real(3, static_cast<double>(values.size())) + real(4, sum) +
         real(5, squares) + block(6, limits) + block(7, bucket);
}

}  // namespace
}  // namespace detail

namespace {

constexpr std::size_t most_waiting = 1 << 16;  // bytes

std::string new_path(const std::string& folder) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return compose(folder, "/events.out.tfevents.", now.count(), ".gradus.",
                 io::detail::random_name());
}

}  // namespace

TensorBoardLog::TensorBoardLog(std::string folder, const TensorBoardOptions& options)
    : folder_(std::move(folder)), path_(new_path(folder_)), options_(options) {}

void TensorBoardLog::record(std::string_view bytes) {
  const std::string length = detail::little_endian(static_cast<std::uint64_t>(bytes.size()));
  waiting_ += length + detail::masked_crc(length);
  waiting_ += bytes;
  waiting_ += detail::masked_crc(bytes);
  if (waiting_.size() >= most_waiting) flush();
}

void TensorBoardLog::event(Index step, const std::string& field) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  record(detail::real(1, now.count()) + detail::whole(2, step) + field);
}

void TensorBoardLog::scalar(const std::string& tag, double value, Index step) {
  if (std::isnan(value)) return;
  event(step, detail::summary(tag, detail::single(2, static_cast<float>(value))));
}

void TensorBoardLog::flush() {
  if (file_) file_->add(waiting_);
  waiting_.clear();
}

void TensorBoardLog::on_fit_begin(Context& run) {
  if (file_) path_ = new_path(folder_);  // of the run before
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
  file_ = std::make_shared<io::detail::Output>(io::detail::Output::create(path_));
  waiting_.clear();
  event(0, detail::block(3, "brain.Event:2"));
  // SessionLog{status: START} drops later steps of older files.
  if (run.resumed) event(run.global_step + 1, detail::block(7, detail::whole(1, 1)));
  flush();
}

void TensorBoardLog::on_step_end(Context& run) {
  if (options_.every_steps < 1 || run.global_step % options_.every_steps != 0) return;
  scalar("step/loss", run.loss, run.global_step);
  scalar("step/lr", run.optimizer.lr(), run.global_step);
  scalar("step/grad_norm", run.grad_norm, run.global_step);
}

void TensorBoardLog::on_epoch_end(Context& run, Epoch& e) {
  const Index step = run.global_step;
  scalar("epoch/train_loss", e.train_loss, step);
  scalar("epoch/validation_loss", e.validation_loss, step);
  scalar("epoch/validation_accuracy", e.validation_accuracy, step);
  for (const auto& [metric_name, value] : e.metrics) scalar("epoch/" + metric_name, value, step);
  if (options_.histograms)
    for (const auto& [parameter_name, parameter] : run.model.named_parameters())
      event(step,
            detail::summary(parameter_name,
                            detail::block(5, detail::histogram(parameter.to_vector<double>()))));
  flush();
}

void TensorBoardLog::on_fit_end(Context&) { flush(); }

}  // namespace gradus::train
