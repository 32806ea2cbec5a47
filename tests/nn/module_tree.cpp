// Modules that are called within others without being in their tree: nothing would train them.
#include <thread>

#include "gradus/autograd.hpp"
#include "gradus/nn.hpp"
#include "gradus/ops.hpp"
#include "gradus/random.hpp"
#include "support/catch.hpp"

using namespace gradus;
using gradus::test::contains;

namespace {

struct Forgetful : nn::Module {
  nn::Linear fc1 = add("fc1", nn::Linear(4, 4));
  nn::Linear fc2 = nn::Linear(4, 4);
  Tensor forward(const Tensor& x) const override { return fc2(relu(fc1(x))); }
};

struct Careful : nn::Module {
  nn::Linear fc1 = add("fc1", nn::Linear(4, 4));
  nn::Linear fc2 = add("fc2", nn::Linear(4, 4));
  nn::GELU gelu;  // nothing to train
  nn::Dropout dropout;
  Tensor forward(const Tensor& x) const override { return fc2(dropout(gelu(fc1(fc1(x))))); }
};

/// Calls whatever it is given.
template <class M>
struct Caller : nn::Module {
  explicit Caller(M module) : other(module) {}
  M other;
  Tensor forward(const Tensor& x) const override { return other(x); }
};

}  // namespace

TEST_CASE("a module that was not added is reported by the first forward pass, with its place") {
  const Tensor x = ones({2, 4});
  const Forgetful net;
  for (int i = 0; i < 2; ++i)
    CHECK_THROWS_WITH(net(x), contains("[Forgetful]") && contains("calls Linear(4, 4)") &&
                                  contains("no part of Forgetful") && contains("(weight, bias)") &&
                                  contains("add(\"name\"") && contains("standalone"));
  struct Outer : nn::Module {
    nn::Sequential body = add("body", nn::Sequential(nn::ReLU(), Forgetful()));
    Tensor forward(const Tensor& y) const override { return body(y); }
  };
  CHECK_THROWS_WITH(Outer()(x), contains("[Forgetful] the forward pass of body.1 calls Linear"));
  // The pass that failed has left nothing behind.
  CHECK(nn::Linear(4, 4)(x).shape() == x.shape());
  CHECK(Careful()(x).shape() == x.shape());
}

TEST_CASE("modules in the tree, and modules without parameters, are called as ever") {
  const Tensor x = ones({2, 4});
  const Careful net;
  for (int i = 0; i < 3; ++i) sum(net(x)).backward();
  const nn::Residual residual(net);
  CHECK(residual(x).shape() == x.shape());
  nn::ModuleList list;
  list.append(net);
  struct Looped : nn::Module {
    explicit Looped(const nn::ModuleList& l) : blocks(add("blocks", l)) {}
    nn::ModuleList blocks;
    Tensor forward(const Tensor& y) const override { return blocks[0](blocks[0](y)); }
  };
  CHECK(Looped(list)(x).shape() == x.shape());
}

TEST_CASE("what is not trained is not reported: frozen parameters, and passes without recording") {
  const Tensor x = ones({2, 4});
  Forgetful net;
  {
    const NoGrad guard;
    CHECK(net(x).shape() == x.shape());
  }
  CHECK_THROWS_AS(net(x), Error);
  net.fc2.requires_grad_(false);
  CHECK(net(x).shape() == x.shape());
  net.fc2.requires_grad_();
  CHECK_THROWS_AS(net(x), Error);
  Tensor(net.fc2.weight).requires_grad_(false);
  CHECK_THROWS_WITH(net(x), contains("(bias)"));
}

TEST_CASE("standalone excepts a module and what is below it") {
  const Tensor x = ones({2, 4});
  Caller<Careful> student{nn::standalone(Careful())};
  CHECK(student(x).shape() == x.shape());
  CHECK(student.parameters().empty());
  student.other.set_standalone(false);
  CHECK_THROWS_WITH(student(x), contains("calls Careful"));
  Forgetful net;
  net.fc2.set_standalone();
  CHECK(net(x).shape() == x.shape());
  // Not what a module that is apart forgets itself.
  CHECK_THROWS_WITH(Caller<Forgetful>(nn::standalone(Forgetful()))(x), contains("[Forgetful]"));
}

TEST_CASE("a module that an outer module has in its tree may be called from anywhere inside") {
  const Tensor x = ones({2, 4});
  struct Head : nn::Module {
    explicit Head(const nn::Linear& shared_) : shared(shared_) {}
    nn::Linear shared;
    Tensor forward(const Tensor& y) const override { return shared(y); }
  };
  struct Whole : nn::Module {
    nn::Linear shared = add("shared", nn::Linear(4, 4));
    Head head = add("head", Head(shared));
    Tensor forward(const Tensor& y) const override { return head(shared(y)); }
  };
  const Whole whole;
  for (int i = 0; i < 2; ++i) CHECK(whole(x).shape() == x.shape());
  CHECK_THROWS_WITH(whole.head(x), contains("[Head]"));
  CHECK(whole(x).shape() == x.shape());
}

TEST_CASE("a module that is known by its parameters is known") {
  const Tensor x = ones({2, 4});
  struct Tied : nn::Module {
    nn::Linear fc = nn::Linear(4, 4, {.bias = false});
    const Tensor weight = parameter("weight", fc.weight);
    Tensor forward(const Tensor& y) const override { return fc(y); }
  };
  CHECK(Tied()(x).shape() == x.shape());
  struct OnTheWay : nn::Module {
    nn::Linear fc1 = add("fc1", nn::Linear(4, 4)), fc2 = add("fc2", nn::Linear(4, 4));
    Tensor forward(const Tensor& y) const override { return nn::Sequential(fc1, fc2, fc1)(y); }
  };
  CHECK(OnTheWay()(x).shape() == x.shape());
  struct Fresh : nn::Module {
    Tensor forward(const Tensor& y) const override { return nn::Linear(4, 4)(y); }
  };
  CHECK_THROWS_WITH(Fresh()(x), contains("[Fresh]"));
}

TEST_CASE("modules of several arguments are found as well") {
  const Tensor x = ones({3, 2, 4});
  struct Sequences : nn::Module {
    nn::LSTM lstm{4, 4};
    nn::GRU gru{4, 4};
    nn::RNN rnn{4, 4};
    nn::MultiheadAttention attention{4, 2};
    nn::TransformerEncoderLayer encoder{4, 2};
    nn::LSTMCell cell{4, 4};
    nn::GRUCell gru_cell{4, 4};
    nn::RNNCell rnn_cell{4, 4};
    nn::Bilinear bilinear{4, 4, 4};
    int which = 0;
    Tensor forward(const Tensor& y) const override {
      switch (which) {
        case 0:
          return lstm(y, {}).output;
        case 1:
          return gru(y, {}).output;
        case 2:
          return rnn(y, {}).output;
        case 3:
          return attention(y, y, y);
        case 4:
          return encoder(y, {});
        case 5:
          return cell(y[0]).h;
        case 6:
          return gru_cell(y[0]);
        case 7:
          return rnn_cell(y[0]);
        default:
          return bilinear(y, y);
      }
    }
  };
  Sequences net;
  const char* const names[] = {"LSTM(",       "GRU(",      "RNN(",     "MultiheadAttention(",
                               "Transformer", "LSTMCell(", "GRUCell(", "RNNCell(",
                               "Bilinear("};
  for (net.which = 0; net.which < 9; ++net.which)
    CHECK_THROWS_WITH(net(x), contains("[Sequences]") && contains(names[net.which]));
  struct Pair : nn::Module {
    nn::Linear fc{4, 4};
    Tensor operator()(const Tensor& a, const Tensor& b) const {
      const Pass pass(*this);
      return fc(a) + b;
    }
  };
  CHECK_THROWS_WITH(Pair()(x, x), contains("[Pair]") && contains("calls Linear(4, 4)"));
}

TEST_CASE("each thread has forward passes of its own") {
  const Tensor x = ones({2, 4});
  struct Waits : nn::Module {
    Tensor forward(const Tensor& y) const override {
      Tensor out;
      std::thread([&] { out = nn::Linear(4, 4)(y); }).join();
      return out;
    }
  };
  CHECK(Waits()(x).shape() == x.shape());
}
