#pragma once

#include "gradus/nn/module.hpp"

namespace gradus::nn {

/// Modules one after another, named "0", "1", … : Sequential(Linear(64, 32), ReLU(), Linear(32,
/// 1)).
class Sequential : public Module {
 public:
  Sequential() = default;
  Sequential(const Sequential&) = default;
  /// A single Sequential is copied, not nested; use append for that.
  template <class... M>
  requires(sizeof...(M) > 0 && (std::derived_from<M, Module> && ...) &&
           !(sizeof...(M) == 1 &&
             (std::same_as<M, Sequential> && ...))) explicit Sequential(const M&... modules) {
    (append(modules), ...);
  }

  template <class M>
  requires std::derived_from<M, Module>
  void append(const M& module) { append(text_of(size()), module); }
  template <class M>
  requires std::derived_from<M, Module>
  void append(const std::string& name, const M& module) { push(name, std::make_shared<M>(module)); }

  Index size() const { return static_cast<Index>(modules_->size()); }
  /// The i-th module; negative counts from the end.
  Module& operator[](Index i) const;
  std::string describe() const override { return "Sequential"; }

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  void push(const std::string& name, std::shared_ptr<Module> module);
  using List = std::vector<std::shared_ptr<Module>>;
  std::shared_ptr<List> modules_ = std::make_shared<List>();
};

/// Modules in a list, named "0", "1", …, which a module of one's own calls as it likes.
class ModuleList : public Module {
 public:
  ModuleList() = default;

  template <class M>
  requires std::derived_from<M, Module>
  void append(const M& module) { push(std::make_shared<M>(module)); }
  Index size() const { return static_cast<Index>(modules_->size()); }
  /// The i-th module; negative counts from the end.
  Module& operator[](Index i) const;
  /// The i-th module as what it was; throws if it is of another class.
  template <class M>
  const M& at(Index i) const {
    const auto* module = dynamic_cast<const M*>(&(*this)[i]);
    if (!module) wrong_class(i);
    return *module;
  }
  std::string describe() const override { return "ModuleList"; }

 private:
  void push(std::shared_ptr<Module> module);
  [[noreturn]] void wrong_class(Index i) const;
  using List = std::vector<std::shared_ptr<Module>>;
  std::shared_ptr<List> modules_ = std::make_shared<List>();
};

/// Modules under names of one's own.
class ModuleDict : public Module {
 public:
  ModuleDict() = default;

  template <class M>
  requires std::derived_from<M, Module>
  void insert(const std::string& name, const M& module) {
    add_child(name, std::make_shared<M>(module));
  }
  bool contains(const std::string& name) const;
  std::vector<std::string> names() const;
  /// The module of a name; throws with the list of names if there is none.
  Module& operator[](const std::string& name) const;
  /// The module of a name as what it was; throws if it is of another class.
  template <class M>
  const M& at(const std::string& name) const {
    const auto* module = dynamic_cast<const M*>(&(*this)[name]);
    if (!module) wrong_class(name);
    return *module;
  }
  std::string describe() const override { return "ModuleDict"; }

 private:
  [[noreturn]] void wrong_class(const std::string& name) const;
};

/// x + body(x), or shortcut(x) + body(x).
class Residual : public Module {
 public:
  template <class M>
  requires(std::derived_from<M, Module> &&
           !std::same_as<M, Residual>) explicit Residual(const M& body)
      : body_(std::make_shared<M>(body)) {
    add_child("body", body_);
  }
  template <class M, class S>
  requires(std::derived_from<M, Module>&& std::derived_from<S, Module>)
      Residual(const M& body, const S& shortcut)
      : body_(std::make_shared<M>(body)), shortcut_(std::make_shared<S>(shortcut)) {
    add_child("body", body_);
    add_child("shortcut", shortcut_);
  }
  std::string describe() const override { return "Residual"; }

 protected:
  Tensor forward(const Tensor& x) const override;

 private:
  std::shared_ptr<Module> body_, shortcut_;
};

}  // namespace gradus::nn
