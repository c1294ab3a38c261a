/*
 * A C extension that forgets a decref: see forgot_decref.py for the bug, the command and the expected answer.
 *
 *   gcc -shared -fPIC -O2 $(/usr/bin/python3-config --includes) -o forgot_decref_ext.so samples/forgot_decref.c
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* rows(n): a list of n lists of three ints each. */
static PyObject *rows(PyObject *self, PyObject *args)
{
	Py_ssize_t n;
	PyObject *result, *row;

	(void)self;
	if (!PyArg_ParseTuple(args, "n", &n) || !(result = PyList_New(0)))
		return NULL;
	for (Py_ssize_t i = 0; i < n; i++) {
		row = Py_BuildValue("[nnn]", i, i + 1, i + 2);
		if (!row || PyList_Append(result, row) < 0) {
			Py_XDECREF(row);
			Py_DECREF(result);
			return NULL;
		}
		/* PyList_Append took its own reference: here a Py_DECREF(row) is missing */
	}
	return result;
}

static PyMethodDef methods[] = {
	{"rows", rows, METH_VARARGS, "rows(n): a list of n rows"},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, "forgot_decref_ext", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_forgot_decref_ext(void)
{
	return PyModule_Create(&module);
}
