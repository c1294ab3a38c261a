/* Text for people and programs: UTF-8, escapes, sizes, distances, tables in three formats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/table.h"
#include "util/hash.h"
#include "util/str.h"

static bool good = true;

static void equal(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want) == 0) {
		printf("ok text: %s\n", name);
		return;
	}
	printf("not ok text: %s: got «%s», want «%s»\n", name, got, want);
	good = false;
}

static void utf8(void)
{
	static const struct {
		const char *text;
		bool fine;
	} samples[] = {
		{"plain", true},	      {"", true},		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8d", true},
		{"\x80", false},	      {"\xc3", false},		{"\xc0\xaf", false},
		{"\xe0\x80\xaf", false},      {"\xed\xa0\x80", false},	{"\xf4\x90\x80\x80", false},
		{"\xf8\x88\x80\x80\x80", false}, {"\xe2\x82", false},	{"\xf4\x8f\xbf\xbf", true},
	};
	char wrong[200] = "";

	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (text_is_utf8(samples[i].text, strlen(samples[i].text)) != samples[i].fine)
			sprintf(wrong + strlen(wrong), " %zu", i);
	if (text_is_utf8("a\0b", 3))
		strcat(wrong, " NUL");
	equal("UTF-8 is told from what is not", wrong, "");
}

static void strings(void)
{
	struct str s = {0};

	str_printable(&s, "a\n\t\x1b[31m\x7f\xc2\x9b\xc3\xa4");
	equal("control characters become visible", str_text(&s), "a\\n\\t\\x1b[31m\\x7f\\x9b\xc3\xa4");
	str_clear(&s);
	str_json(&s, "say \"hi\"\\\n\x01\xc3\xa4");
	equal("JSON is escaped", str_text(&s), "\"say \\\"hi\\\"\\\\\\n\\u0001\xc3\xa4\"");
	str_clear(&s);
	for (unsigned i = 0; i < 6; i++) {
		static const uint64_t sizes[] = {0, 1023, 1024, 1536, 1073741824, UINT64_MAX};
		str_size(&s, sizes[i]);
		str_add(&s, i < 5 ? ", " : "");
	}
	equal("sizes", str_text(&s), "0, 1023, 1.0 KiB, 1.5 KiB, 1.0 GiB, 16.0 EiB");
	str_clear(&s);
	str_printf(&s, "%u %u %u %u", text_distance("kitten", "sitting", 5), text_distance("a", "a", 2), text_distance("", "abc", 9),
		   text_distance("abc", "xyz", 1));
	equal("edit distance", str_text(&s), "3 0 3 2");
	str_free(&s);
}

static void hashes(void)
{
	static char text[5000][8];
	struct names names = {0};
	unsigned wrong = 0;

	for (unsigned i = 0; i < 5000; i++) {
		sprintf(text[i], "n%u", i);
		wrong += names_find(&names, text[i]) != NAMES_NONE;
		wrong += names_add(&names, text[i]) != i;
	}
	for (unsigned i = 0; i < 5000; i++)
		wrong += names_add(&names, text[i]) != i || names_find(&names, text[i]) != i;
	names_free(&names);
	equal("names keep their numbers", wrong ? "some do not" : "", "");
}

enum { NAME, COUNT, DELTA, SIZE, AT, RATIO };
static const struct column columns[] = {
	[NAME] = {"name", "NAME", CELL_TEXT},
	[COUNT] = {"count", "COUNT", CELL_NUMBER},
	[DELTA] = {"delta", NULL, CELL_DELTA},
	[SIZE] = {"size", "SIZE", CELL_SIZE},
	[AT] = {"at", "AT", CELL_ADDRESS},
	[RATIO] = {"ratio", "RATIO", CELL_REAL, .hidden = true},
};

static char *print(struct table *t, const struct table_style *style)
{
	size_t n;
	char *text = NULL;
	FILE *out = open_memstream(&text, &n);
	struct error *e = table_print(t, style, out);

	fclose(out);
	if (!e)
		return text;
	free(text);
	text = strdup(e->text);
	error_destroy(e);
	return text;
}

static void same(struct table *t, const char *name, struct table_style style, const char *want)
{
	char *got = print(t, &style);

	equal(name, got, want);
	free(got);
}

static void tables(void)
{
	struct table *t;

	if (table_create(columns, sizeof columns / sizeof *columns, &t))
		abort();
	same(t, "empty table", (struct table_style){0}, "NAME  COUNT  delta  SIZE  AT\n");
	same(t, "empty CSV", (struct table_style){.format = TABLE_CSV}, "name,count,delta,size,at,ratio\n");
	table_row(t);
	table_text(t, NAME, "b, \"quoted\"");
	table_number(t, COUNT, 5);
	table_signed(t, DELTA, -3);
	table_number(t, SIZE, 2048);
	table_number(t, AT, 0x7f00);
	table_real(t, RATIO, 0.5);
	table_row(t);
	table_text(t, NAME, "\xc3\xa4");
	table_number(t, COUNT, UINT64_MAX);
	table_signed(t, DELTA, INT64_MIN);
	table_row(t);
	table_text(t, NAME, "c\n");
	table_number(t, COUNT, 5);
	same(t, "text", (struct table_style){0},
	     "NAME                        COUNT                 delta     SIZE  AT\n"
	     "b, \"quoted\"                     5                    -3  2.0 KiB  0x7f00\n"
	     "\xc3\xa4            18446744073709551615  -9223372036854775808\n"
	     "c\\n                             5\n");
	same(t, "JSON", (struct table_style){.format = TABLE_JSON, .limit = 2},
	     "{\"name\":\"b, \\\"quoted\\\"\",\"count\":5,\"delta\":-3,\"size\":2048,\"at\":\"0x7f00\",\"ratio\":0.5}\n"
	     "{\"name\":\"\xc3\xa4\",\"count\":18446744073709551615,\"delta\":-9223372036854775808,\"size\":null,\"at\":null,"
	     "\"ratio\":null}\n");
	same(t, "CSV", (struct table_style){.format = TABLE_CSV, .columns = "name,at"},
	     "name,at\n\"b, \"\"quoted\"\"\",0x7f00\n\xc3\xa4,\n\"c\n\",\n");
	same(t, "sort is stable, descends by a minus, and takes several columns",
	     (struct table_style){.no_header = true, .columns = "name,count", .sort = "-count", .gap = 1},
	     "\xc3\xa4           18446744073709551615\nb, \"quoted\"                    5\nc\\n                            5\n");
	same(t, "sort by a signed column, empty first", (struct table_style){.no_header = true, .columns = "delta", .sort = "delta,-name"},
	     "\n-9223372036854775808\n                  -3\n");
	same(t, "no such column", (struct table_style){.sort = "width"}, "no column 'width'; there are: name, count, delta, size, at, ratio");
	same(t, "bytes as numbers, to the left", (struct table_style){.columns = "size,count", .exact_sizes = true, .left = true, .limit = 1},
	     "SIZE  COUNT\n2048  5\n");
	table_destroy(t);
}

int main(void)
{
	utf8();
	strings();
	hashes();
	tables();
	return !good;
}
