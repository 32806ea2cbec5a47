#include <filesystem>

#include "support/catch.hpp"
#include "train/save/resume_support.hpp"

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<Recipe> recipes() {
  return {
      {.what = "plain SGD",
       .optimizer = "sgd",
       .scheduler = false,
       .dropout = 0,
       .batch_norm = false,
       .sampler = "sequential"},
      {.what = "momentum, shuffled", .optimizer = "momentum"},
      {.what = "epochs scheduled, plateau",
       .optimizer = "nesterov",
       .unit = optim::Unit::epoch,
       .plateau = true},
      {.what = "prefetching, steps scheduled, plateau", .plateau = true, .prefetch = 3},
      {.what = "a monitor", .monitored = true},
      {.what = "averages", .options = {.ema_decay = 0.9, .ema_warmup = true}},
      {.what = "accumulation, prefetching", .prefetch = 2, .options = {.accumulate = 3}},
      {.what = "percentile clipping", .options = {.clip_percentile = 30, .clip_window = 5}},
      {.what = "weighted sampler, penalties, norm clipping",
       .sampler = "weighted",
       .options = {.clip_norm = 0.5, .l1 = 0.01, .l2 = 0.01}},
      {.what = "draws with replacement, early end",
       .optimizer = "rmsprop",
       .sampler = "replacement",
       .options = {.monitor = "f1_macro", .patience = 2, .min_delta = 0.01}},
      {.what = "value clipping, saved every third step",
       .optimizer = "adam",
       .options = {.clip_value = 0.1, .checkpoint = {.every_steps = 3}}},
      {.what = "LBFGS, accumulation",
       .optimizer = "lbfgs",
       .scheduler = false,
       .dropout = 0.1,
       .options = {.accumulate = 2}},
      {.what = "all at once",
       .optimizer = "nadam",
       .plateau = true,
       .prefetch = 1,
       .monitored = true,
       .options = {.accumulate = 2, .clip_percentile = 50, .l2 = 0.001, .ema_decay = 0.8}},
  };
}

/// Trains without a break, or is killed before step `kill + 1`, or at the end of `epoch`, and goes
/// on in a new program.
std::string train_and_resume(Recipe recipe, Index kill, Index epoch = 0) {
  const TemporaryFolder folder;
  recipe.options.epochs = 3;
  recipe.options.checkpoint.path = folder / "run.safetensors";
  if (recipe.options.checkpoint.every_steps == 0) recipe.options.checkpoint.every_steps = 1;
  Program first(recipe, 1);
  first.killer.at = kill;
  first.killer.at_epoch = epoch;
  train::FitResult result;
  try {
    result = first.fit();
  } catch (const Killed&) {
    const bool saved = std::filesystem::exists(folder / "run.safetensors");
    train::Checkpoint checkpoint;
    if (saved) checkpoint = train::load_checkpoint(folder / "run.safetensors");
    Program second(recipe, saved ? 999 : 1);  // other weights, orders and masks, if they stayed
    if (saved) second.options.resume = &checkpoint;
    result = second.fit();
    CHECK(second.counter.steps ==
          static_cast<double>(train::load_checkpoint(result.checkpoint).place.global_step));
  }
  CHECK(result.checkpoint == folder / "run.safetensors");
  return bits(train::load_checkpoint(result.checkpoint));
}

}  // namespace

TEST_CASE("a run that is killed after any step and resumed ends with the same bits") {
  for (const Recipe& recipe : recipes()) {
    INFO(recipe.what);
    const std::string undisturbed = train_and_resume(recipe, 0);
    const Index steps = 3 * ((7 + recipe.options.accumulate - 1) / recipe.options.accumulate);
    for (Index kill = 1; kill < steps; ++kill) {
      INFO("killed after step " << kill);
      REQUIRE((train_and_resume(recipe, kill) == undisturbed));
    }
    for (Index epoch = 1; epoch <= 3; ++epoch) {
      INFO("killed at the end of epoch " << epoch);
      REQUIRE((train_and_resume(recipe, 0, epoch) == undisturbed));
    }
  }
}

TEST_CASE("other seeds end with other bits") {
  const Recipe recipe{.what = ""};
  CHECK(train_and_resume(recipe, 0) == train_and_resume(recipe, 0));
  Recipe other = recipe;
  other.dropout = 0.31;
  CHECK(train_and_resume(recipe, 0) != train_and_resume(other, 0));
}

TEST_CASE("a resumed run's history and result are those of the undisturbed one") {
  const TemporaryFolder folder;
  Recipe recipe{.what = "", .options = {.epochs = 3}};
  Program whole(recipe, 1);
  const train::FitResult expected = whole.fit();
  recipe.options.checkpoint = {.path = folder / "c", .every_steps = 1};
  Program first(recipe, 1);
  std::atomic<bool> stop = false;
  first.options.stop = &stop;
  first.options.on_step = [&](const train::Progress& p) { stop = p.epoch == 2 && p.step == 4; };
  const train::FitResult interrupted = first.fit();
  CHECK(interrupted.ended == train::Ended::interrupted);
  CHECK_THAT(interrupted.reason, contains("step 4 of 7 in epoch 2") && contains(folder / "c"));
  CHECK(interrupted.history.size() == 1);
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "c");
  CHECK(checkpoint.place.epoch == 2);
  CHECK(checkpoint.place.step == 4);
  Program second(recipe, 2);
  second.options.resume = &checkpoint;
  const train::FitResult resumed = second.fit();
  REQUIRE(resumed.history.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(resumed.history[i].train_loss == expected.history[i].train_loss);
    CHECK(resumed.history[i].validation_loss == expected.history[i].validation_loss);
    CHECK(resumed.history[i].grad_norm == expected.history[i].grad_norm);
    CHECK(resumed.history[i].lr == expected.history[i].lr);
    CHECK(resumed.history[i].metrics == expected.history[i].metrics);
  }
  CHECK(resumed.best_epoch == expected.best_epoch);
  CHECK(resumed.best_value == expected.best_value);
  const auto a = whole.model->state_dict(), b = second.model->state_dict();
  for (const auto& [name, tensor] : a)
    CHECK(tensor.to_vector<double>() == b.at(name).to_vector<double>());
}

TEST_CASE("a complete run goes on when more epochs are asked for, as one that was longer") {
  const TemporaryFolder folder;
  Recipe recipe{.what = "", .options = {.epochs = 4, .checkpoint = {.path = folder / "c"}}};
  Program whole(recipe, 1);
  whole.fit();
  const std::string expected = bits(train::load_checkpoint(folder / "c"));
  recipe.options.epochs = 2;
  Program(recipe, 1).fit();
  const train::Checkpoint half = train::load_checkpoint(folder / "c");
  recipe.options.epochs = 4;
  Program second(recipe, 7);
  second.options.resume = &half;
  second.fit();
  CHECK(bits(train::load_checkpoint(folder / "c")) == expected);
}

TEST_CASE("a run that ended early stays ended when it is resumed") {
  const TemporaryFolder folder;
  Recipe recipe{
      .what = "",
      .options = {
          .epochs = 30, .patience = 1, .min_delta = 100, .checkpoint = {.path = folder / "c"}}};
  CHECK(Program(recipe, 1).fit().ended == train::Ended::early);
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "c");
  Program second(recipe, 7);
  second.options.resume = &checkpoint;
  const train::FitResult result = second.fit();
  CHECK(result.ended == train::Ended::early);
  CHECK(result.history.size() == 2);
}

TEST_CASE("settings that would change the numbers of a resumed run are all refused at once") {
  const TemporaryFolder folder;
  Recipe recipe{.what = "", .options = {.epochs = 1, .checkpoint = {.path = folder / "c"}}};
  Program(recipe, 1).fit();
  const train::Checkpoint saved = train::load_checkpoint(folder / "c");
  CHECK(saved.settings.at("batch_size") == "5");
  recipe.sampler = "sequential";
  recipe.dropout = 0.4;
  recipe.unit = optim::Unit::epoch;
  recipe.options = {.epochs = 2,
                    .accumulate = 2,
                    .clip_norm = 0.5,
                    .l1 = 0.25,
                    .l2 = 0.125,
                    .monitor = "train_loss",
                    .better = train::Better::lower,
                    .patience = 3,
                    .min_delta = 0.5,
                    .non_finite = optim::NonFinite::skip};
  Program other(recipe, 1);
  *other.loader = data::DataLoader(other.training,
                                   {.batch_size = 4, .drop_last = true, .sampler = "sequential"});
  other.validation = other.training;
  other.options.resume = &saved;
  const auto before = other.model->state_dict().at("0.weight").to_vector<float>();
  std::string text;
  try {
    other.fit();
  } catch (const Error& error) {
    text = error.what();
  }
  for (const char* fault :
       {"[resume]", "batch_size = 4; 5 was saved", "sampler = sequential; random was saved",
        "drop_last = yes; no was saved", "merge_last_of_one = no; yes was saved",
        "validation samples = 34; 12 was saved", "accumulate = 2; 1 was saved",
        "clip_norm = 0.5; 0 was saved", "l1 = 0.25; 0 was saved", "l2 = 0.125; 0 was saved",
        "monitor = train_loss; validation_loss was saved", "better = lower; automatic was saved",
        "patience = 3; 0 was saved", "min_delta = 0.5; 0 was saved",
        "non_finite = skip; raise was saved", "module 3 = Dropout(0.4); Dropout(0.3) was saved",
        "scheduler = WarmupCosine, epochs; WarmupCosine, steps was saved"})
    CHECK_THAT(text, contains(fault));
  CHECK(other.model->state_dict().at("0.weight").to_vector<float>() == before);
}

TEST_CASE("a run that goes on within an epoch is not told of its beginning again") {
  struct Events : train::Callback {
    std::string seen;
    void on_fit_begin(train::Context& run) override { seen += run.resumed ? "R" : "F"; }
    void on_epoch_begin(train::Context&) override { seen += "E"; }
    void on_step_begin(train::Context& run) override { seen += std::to_string(run.step); }
    void on_epoch_end(train::Context&, train::Epoch&) override { seen += "e"; }
  };
  const TemporaryFolder folder;
  const Recipe recipe{
      .what = "", .options = {.epochs = 2, .checkpoint = {.path = folder / "c", .every_steps = 5}}};
  Program first(recipe, 1);
  first.killer.at = 6;
  CHECK_THROWS_AS(first.fit(), Killed);
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "c");
  Program second(recipe, 1);
  second.options.resume = &checkpoint;
  Events events;
  second.options.callbacks.push_back(&events);
  second.fit();
  CHECK(events.seen == "R67eE1234567e");
}

TEST_CASE("findings are kept, and found once") {
  const TemporaryFolder folder;
  const Recipe recipe{.what = "", .options = {.epochs = 1, .checkpoint = {.path = folder / "c"}}};
  Program first(recipe, 1);
  std::vector<train::Finding> findings{{.kind = "linter", .where = "fc1", .text = "one \"quoted\""},
                                       {.kind = "plateau", .alarm = false, .epoch = 1, .step = 3}};
  first.options.findings = &findings;
  first.fit();
  const train::Checkpoint checkpoint = train::load_checkpoint(folder / "c");
  REQUIRE(checkpoint.findings.size() == 2);
  CHECK(checkpoint.findings[0].text == "one \"quoted\"");
  CHECK_FALSE(checkpoint.findings[1].alarm);
  Program second(recipe, 1);
  std::vector<train::Finding> again{{.kind = "linter", .where = "fc1", .text = "anew"}};
  second.options.findings = &again;
  second.options.resume = &checkpoint;
  second.fit();
  REQUIRE(again.size() == 2);
  CHECK(again[0].text == "anew");
  CHECK(again[1].kind == "plateau");
}
