#include "gradus/data/loader.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "base/messages.hpp"

namespace gradus::data {
namespace detail {

/// Prepares the batches of one epoch in a thread, at most `depth` ahead.
class Prefetcher {
 public:
  Prefetcher(const TensorDataset& dataset, const Index* order, std::vector<Index> ends,
             std::size_t first, std::size_t depth)
      : thread_([this, &dataset, order, ends = std::move(ends), first, depth] {
          try {
            for (std::size_t i = first; i < ends.size(); ++i) {
              const Index from = i ? ends[i - 1] : 0;
              Batch batch = dataset.gather(order + from, ends[i] - from);
              std::unique_lock lock(mutex_);
              changed_.wait(lock, [&] { return stop_ || ready_.size() < depth; });
              if (stop_) return;
              ready_.push_back(std::move(batch));
              changed_.notify_all();
            }
          } catch (...) {
            std::lock_guard lock(mutex_);
            error_ = std::current_exception();
            changed_.notify_all();
          }
        }) {}
  ~Prefetcher() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  Batch take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || error_; });
    if (ready_.empty()) std::rethrow_exception(error_);
    Batch batch = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::exception_ptr error_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace detail

struct DataLoader::Impl {
  TensorDataset dataset;
  LoaderOptions options;
  std::uint64_t seed;
  std::vector<Index> ends;  // of each batch, in the epoch's order
  std::vector<std::string> notes;

  std::vector<Index> order;
  Index epoch = 0;
  std::size_t batch = 0;  // the next one
  bool running = false;   // between start() and the end of the epoch
  bool resume = false;    // load_state was called: start() goes on
  std::unique_ptr<detail::Prefetcher> prefetcher;

  std::vector<Index> draw_order(Index of_epoch) const {
    // Epochs are 2^40 blocks apart in the stream: more than any order takes.
    Generator generator;
    generator.set_state(seed, static_cast<std::uint64_t>(of_epoch) << 40);
    return sample_order(options.sampler, dataset.size(), generator, options.weights,
                        options.num_samples);
  }

  void plan_batches(Index samples) {
    const Index size = options.batch_size;
    for (Index end = size; end <= samples; end += size) ends.push_back(end);
    const Index rest = samples % size;
    if (!rest || options.drop_last) return;
    if (rest == 1 && options.merge_last_of_one && !ends.empty()) {
      ends.back() = samples;
      notes.push_back("the last batch would hold 1 of " + text_of(samples) +
                      " samples; it was merged into the one before, which holds " +
                      text_of(size + 1));
    } else {
      ends.push_back(samples);
    }
  }
  Index position() const { return batch ? ends[batch - 1] : 0; }
};

DataLoader::DataLoader(TensorDataset dataset, LoaderOptions options)
    : impl_(std::make_unique<Impl>()) {
  const Index batch = options.batch_size, ahead = options.prefetch;
  gradus::detail::require(batch >= 1, "DataLoader", "batch_size", batch, "1 or more");
  gradus::detail::require(ahead >= 0 && ahead <= 1024, "DataLoader", "prefetch", ahead,
                          "0 to 1024");
  if (options.shuffle && !options.sampler.empty() && options.sampler != "random")
    fail("DataLoader", "shuffle and the sampler \"", options.sampler,
         "\" were given; choose one: the sampler alone decides the order");
  if (options.drop_last && options.merge_last_of_one)
    fail("DataLoader", "drop_last and merge_last_of_one were given; choose one");
  if (options.sampler.empty()) options.sampler = options.shuffle ? "random" : "sequential";
  Generator& source = options.generator ? *options.generator : default_generator();
  // An order that is not random draws nothing, so that later random numbers do not depend on it.
  const bool random = options.sampler != "sequential";
  impl_->seed = options.seed ? *options.seed : random ? source.below(~std::uint64_t{0}) : 0;
  options.generator = nullptr;
  impl_->dataset = std::move(dataset);
  impl_->options = std::move(options);
  impl_->plan_batches(static_cast<Index>(impl_->draw_order(0).size()));
}
DataLoader::~DataLoader() = default;
DataLoader::DataLoader(DataLoader&&) noexcept = default;
DataLoader& DataLoader::operator=(DataLoader&&) noexcept = default;

const TensorDataset& DataLoader::dataset() const { return impl_->dataset; }
const LoaderOptions& DataLoader::options() const { return impl_->options; }
Index DataLoader::size() const { return static_cast<Index>(impl_->ends.size()); }
const std::vector<std::string>& DataLoader::notes() const { return impl_->notes; }

LoaderState DataLoader::state() const {
  return {impl_->seed, impl_->epoch, impl_->position(), impl_->dataset.size()};
}

void DataLoader::load_state(const LoaderState& state) {
  const Index samples = impl_->dataset.size();
  if (state.samples != samples)
    fail("DataLoader.load_state", "the state belongs to a data set of ", state.samples,
         " samples, this one has ", samples, "; load the same data");
  std::size_t batch = 0;
  while (batch < impl_->ends.size() && impl_->ends[batch] <= state.position) ++batch;
  if (state.epoch < 0 || state.position != (batch ? impl_->ends[batch - 1] : 0))
    fail("DataLoader.load_state", "epoch ", state.epoch, ", position ", state.position,
         " is not the end of a batch; use the batch size of the run that was saved (here ",
         impl_->options.batch_size, ")");
  impl_->prefetcher.reset();
  impl_->seed = state.seed;
  impl_->epoch = state.epoch;
  impl_->batch = batch;
  impl_->running = false;
  impl_->resume = true;
}

void DataLoader::set_epoch(Index epoch) {
  load_state({impl_->seed, epoch, 0, impl_->dataset.size()});
}

void DataLoader::start() {
  Impl& d = *impl_;
  d.prefetcher.reset();
  if (d.running) {  // the loop before was left early
    ++d.epoch;
    d.batch = 0;
  } else if (!d.resume) {
    d.batch = 0;
  }
  d.resume = false;
  d.running = true;
  d.order = d.draw_order(d.epoch);
  if (d.options.prefetch > 0 && d.batch < d.ends.size())
    d.prefetcher = std::make_unique<detail::Prefetcher>(
        d.dataset, d.order.data(), d.ends, d.batch, static_cast<std::size_t>(d.options.prefetch));
}

bool DataLoader::next(Batch& batch) {
  Impl& d = *impl_;
  if (!d.running) return false;
  if (d.batch == d.ends.size()) {
    d.prefetcher.reset();
    d.running = false;
    d.batch = 0;
    ++d.epoch;
    return false;
  }
  const Index from = d.position(), to = d.ends[d.batch];
  batch = d.prefetcher ? d.prefetcher->take() : d.dataset.gather(d.order.data() + from, to - from);
  ++d.batch;
  return true;
}

}  // namespace gradus::data
