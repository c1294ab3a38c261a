/*
 * audited.c - an extension that holds, loses and over-releases references in each way that `refgraph audit` tells apart.
 * tests/python/audit.py builds it for each Python.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *audited_cache;    /* owned: a static cache */
PyObject *audited_borrowed; /* not owned */
PyObject **audited_block;   /* owned, in memory of its own */

/* forget(class): an instance that nobody gives back */
static PyObject *forget(PyObject *self, PyObject *class)
{
	PyObject *made = PyObject_CallObject(class, NULL);

	(void)self;
	if (!made)
		return NULL;
	Py_RETURN_NONE;
}

/* forget_list(length): a list that nobody gives back, perhaps one that a free list kept */
static PyObject *forget_list(PyObject *self, PyObject *length)
{
	(void)self;
	if (!PyList_New(PyLong_AsLong(length)))
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *cache(PyObject *self, PyObject *object)
{
	(void)self;
	Py_INCREF(object);
	audited_cache = object;
	Py_RETURN_NONE;
}

static PyObject *borrow(PyObject *self, PyObject *object)
{
	(void)self;
	audited_borrowed = object;
	Py_RETURN_NONE;
}

static PyObject *keep(PyObject *self, PyObject *object)
{
	(void)self;
	audited_block = malloc(4 * sizeof *audited_block);
	audited_block[0] = audited_block[1] = audited_block[3] = NULL;
	audited_block[2] = object;
	Py_INCREF(object);
	Py_RETURN_NONE;
}

/* give_back(object): one reference too many */
static PyObject *give_back(PyObject *self, PyObject *object)
{
	(void)self;
	Py_DECREF(object);
	Py_RETURN_NONE;
}

static PyObject *take(PyObject *self, PyObject *object)
{
	(void)self;
	Py_INCREF(object);
	Py_RETURN_NONE;
}

/* ---- a type that does not show what it holds -------------------------------------------------------------------------------- */

struct hidden {
	PyObject_HEAD
	PyObject *held;
};

static PyTypeObject hidden_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "audited.Hidden",
	.tp_basicsize = sizeof(struct hidden),
	.tp_flags = Py_TPFLAGS_DEFAULT,
};

static PyObject *hide(PyObject *self, PyObject *object)
{
	struct hidden *hidden = PyObject_New(struct hidden, &hidden_type);

	(void)self;
	if (hidden) {
		Py_INCREF(object);
		hidden->held = object;
	}
	return (PyObject *)hidden;
}

static PyMethodDef methods[] = {
	{"forget", forget, METH_O, NULL}, {"forget_list", forget_list, METH_O, NULL}, {"cache", cache, METH_O, NULL},	  {"borrow", borrow, METH_O, NULL}, {"keep", keep, METH_O, NULL},
	{"hide", hide, METH_O, NULL},	  {"give_back", give_back, METH_O, NULL}, {"take", take, METH_O, NULL},	    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, "audited", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_audited(void)
{
	if (PyType_Ready(&hidden_type) < 0)
		return NULL;
	return PyModule_Create(&module);
}
