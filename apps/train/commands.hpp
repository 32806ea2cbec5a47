#pragma once

// Each command takes the arguments after its name (argv[0] is the name) and returns an Exit.

int command_fit(int argc, char** argv);
int command_evaluate(int argc, char** argv);
int command_predict(int argc, char** argv);
int command_find_lr(int argc, char** argv);
int command_check(int argc, char** argv);
int command_inspect(int argc, char** argv);
int command_doctor(int argc, char** argv);
int command_resume(int argc, char** argv);
int command_explain(int argc, char** argv);
int command_report(int argc, char** argv);
