#include "session.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "command_line.hpp"

using namespace gradus;

namespace {

void print_findings(const std::vector<train::Finding>& findings, std::size_t first) {
  for (const bool alarm : {true, false})
    for (std::size_t i = first; i < findings.size(); ++i)
      if (findings[i].alarm == alarm)
        std::printf("%s%s\n", alarm ? "! " : "  ", printable(findings[i].text).c_str());
}

void print_spread(const train::Outcome& all, const char* name, bool percent) {
  const double factor = percent ? 100 : 1;
  std::printf(percent ? "mean test %s %.2f %%, deviation %.2f %%, over %zu runs\n"
                      : "mean test %s %.4g, deviation %.4g, over %zu runs\n",
              name, factor * train::metric(all.metrics, name),
              factor * train::metric(all.deviations, name), all.runs.size());
}

}  // namespace

/// Puts what the callbacks before it have found into the words of the command. Unless it is to be
/// quiet, prints findings, one a line, alarms first, before and after the run, and how it goes on.
class Teller::Printer : public train::ProgressPrinter {
 public:
  Index tests = 0;  // samples that are kept for the end

  explicit Printer(bool quiet)
      : ProgressPrinter(stdout, quiet ? train::Show::nothing : train::Show::automatic),
        quiet_(quiet) {}

  void on_fit_begin(train::Context& run) override {
    translate(run);
    if (quiet_) return;
    if (!run.resumed) print_findings(run.findings, 0);  // else it has told of them already
    told_ = run.findings.size();
    const auto count = [](Index n) { return static_cast<long long>(n); };
    std::printf("%lld training, %lld validation and %lld test samples; %lld parameters\n",
                count(run.loader.dataset().size()), count(run.validation.size()), count(tests),
                count(run.model.num_parameters()));
    ProgressPrinter::on_fit_begin(run);
  }
  void on_backward_end(train::Context& run) override { translate(run); }
  void on_step_end(train::Context& run) override {
    translate(run);
    if (!quiet_) ProgressPrinter::on_step_end(run);
  }
  void on_epoch_end(train::Context& run, train::Epoch& epoch) override {
    translate(run);
    if (!quiet_) ProgressPrinter::on_epoch_end(run, epoch);
  }
  void on_fit_end(train::Context& run) override {
    translate(run);
    if (quiet_) return;
    ProgressPrinter::on_fit_end(run);
    print_findings(run.findings, told_);
  }

 private:
  void translate(train::Context& run) {
    for (; translated_ < run.findings.size(); ++translated_)
      run.findings[translated_].text = in_flags(run.findings[translated_].text);
  }
  bool quiet_;
  std::size_t translated_ = 0, told_ = 0;
};

Teller::Teller(bool quiet) : quiet_(quiet), printer_(std::make_unique<Printer>(quiet)) {}
Teller::~Teller() = default;

train::RunHooks Teller::hooks() {
  train::RunHooks hooks{.stop = &Signals::stop()};
  hooks.on_data = [this](const train::Prepared& data, const train::Source&) {
    printer_->tests = data.test.size();
    signals_.emplace();
  };
  hooks.on_folder = [this](const train::RunFolder& folder) { folder_ = folder.path(); };
  hooks.callbacks = {printer_.get()};
  if (quiet_) return hooks;
  hooks.on_rate = [](const std::string& rate, const train::RateSweep& sweep) {
    std::printf("learning rate %s: %s\n", rate.c_str(), printable(sweep.note).c_str());
  };
  return hooks;
}

int Teller::end(const train::Outcome& outcome) {
  const bool interrupted = outcome.ended == train::Ended::interrupted;
  const bool has_labels = !std::isnan(train::metric(outcome.metrics, "accuracy"));
  if (!outcome.runs.empty()) print_spread(outcome, has_labels ? "accuracy" : "loss", has_labels);
  std::fflush(stdout);
  if (!outcome.is_good())
    std::fprintf(stderr, "train: %s\n", printable(in_flags(outcome.reason)).c_str());
  if (!outcome.kept.empty())
    std::fprintf(stderr, "train: the run in %s stays as it was\n", printable(outcome.kept).c_str());
  if (!outcome.removed.empty())
    std::fprintf(stderr, "train: %s was removed again, as nothing was learned\n",
                 printable(outcome.removed).c_str());
  if (!outcome.folder.empty() && !outcome.part.empty())
    std::printf("%s\n", train::describe(outcome.metrics, outcome.part).c_str());
  if (!outcome.folder.empty() && outcome.saved)
    std::printf("saved %s\n", printable(outcome.folder + "/model.safetensors").c_str());
  if (interrupted && !outcome.folder.empty()) tell_how_to_go_on();
  return interrupted         ? Signals::status()
         : outcome.is_good() ? int{Exit::fine}
                             : int{Exit::non_finite};
}

void Teller::tell_how_to_go_on() const {
  if (!folder_.empty() && std::filesystem::exists(folder_ + "/checkpoint.safetensors"))
    std::fprintf(stderr, "train: go on with: train resume %s\n", printable(folder_).c_str());
}

void print_report(const train::Prepared& data, const train::Source& source) {
  const Index rows = source.table ? source.table->report.rows_read : source.size();
  std::printf("%s: %lld rows, %zu features, %s", printable(source.name).c_str(),
              static_cast<long long>(rows), data.pipeline.features().size(),
              name_of(data.pipeline.task()));
  if (!data.pipeline.class_names().empty())
    std::printf(" of %zu classes", data.pipeline.class_names().size());
  std::printf("\n%s", data.report.to_string().c_str());
}
