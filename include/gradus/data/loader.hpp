#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gradus/data/dataset.hpp"
#include "gradus/random.hpp"

namespace gradus::data {

struct LoaderOptions {
  Index batch_size = 1;
  bool shuffle = false;            ///< a new order without replacement every epoch
  bool drop_last = false;          ///< leave out a last batch that is shorter than the others
  bool merge_last_of_one = false;  ///< add a last batch of 1 to the one before it, with a note
  std::optional<std::uint64_t> seed = {};  ///< of the orders; default: drawn from `generator`
  Generator* generator = nullptr;          ///< source of the seed; default: the thread's own
  /// "sequential", "random" (without replacement), "replacement" or "weighted" (with replacement,
  /// in proportion to `weights`); default: as `shuffle` says.
  std::string sampler = "";
  Tensor weights = {};     ///< of "weighted": one number a sample, 0 or more
  Index num_samples = -1;  ///< of "replacement" and "weighted": draws per epoch; default: all
  int prefetch = 0;        ///< batches that a background thread prepares ahead; 0: no thread
};

/// Where a loader stands: enough to go on with the next batch in another process.
struct LoaderState {
  std::uint64_t seed = 0;
  Index epoch = 0;     ///< the epoch that is running, or the next one if position is 0
  Index position = 0;  ///< samples of that epoch that were handed out
  Index samples = 0;   ///< samples in the data set
};

/// Yields a data set in batches: `for (auto [x, y] : loader)` is one epoch. The order of an epoch
/// depends on the seed and the epoch's number alone. One loop at a time.
class DataLoader {
 public:
  /// Throws for options out of range, unknown sampler names and weights that do not fit.
  explicit DataLoader(TensorDataset dataset, LoaderOptions options = {});
  ~DataLoader();
  DataLoader(DataLoader&&) noexcept;
  DataLoader& operator=(DataLoader&&) noexcept;

  const TensorDataset& dataset() const;
  const LoaderOptions& options() const;
  /// Batches in an epoch.
  Index size() const;
  /// What the user should know, such as a last batch that was merged.
  const std::vector<std::string>& notes() const;

  /// The place after the batch that was handed out last.
  LoaderState state() const;
  /// The next loop goes on from `state`, in the middle of an epoch if that is where it stands.
  /// Throws if it belongs to a data set of another size.
  void load_state(const LoaderState& state);
  /// The next loop is epoch `epoch`, from its beginning.
  void set_epoch(Index epoch);

  struct End {};
  /// A single pass: each batch may be taken once.
  class Iterator {
   public:
    explicit Iterator(DataLoader* loader) : loader_(loader) { ++*this; }
    Batch&& operator*() { return std::move(batch_); }
    Iterator& operator++() {
      live_ = loader_->next(batch_);
      return *this;
    }
    bool operator==(End) const { return !live_; }

   private:
    DataLoader* loader_;
    Batch batch_;
    bool live_ = false;
  };
  /// Starts the next epoch, or goes on where load_state said.
  Iterator begin() {
    start();
    return Iterator(this);
  }
  End end() const { return {}; }

  /// For data sets of N tensors: `for (auto [x, y, weight] : loader.each<3>())`.
  template <std::size_t N>
  auto each();

  /// The steps of a loop, for loops of one's own: start() begins an epoch, next() fills `batch` or
  /// returns false at the epoch's end.
  void start();
  bool next(Batch& batch);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <std::size_t N>
auto DataLoader::each() {
  struct Items {
    Iterator inner;
    std::array<Tensor, N> operator*() {
      Batch batch = *inner;
      std::array<Tensor, N> tensors;
      for (std::size_t i = 0; i < N; ++i) tensors[i] = std::move(batch.at(i));
      return tensors;
    }
    Items& operator++() { return ++inner, *this; }
    bool operator==(End end) const { return inner == end; }
  };
  struct Range {
    DataLoader* loader;
    Items begin() { return {loader->begin()}; }
    End end() const { return {}; }
  };
  return Range{this};
}

/// The order in which a sampler visits `n` samples; see LoaderOptions.
std::vector<Index> sample_order(const std::string& sampler, Index n, Generator& generator,
                                const Tensor& weights = {}, Index num_samples = -1);

}  // namespace gradus::data
