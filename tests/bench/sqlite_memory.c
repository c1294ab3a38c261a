/*
 * sqlite_memory.c - a real library that allocates much: ROWS inserts (default 300 k) into a table with an index, in memory, then
 * some queries.
 *
 *   sqlite_memory [ROWS]
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *db;

static void run(const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, why);
		exit(2);
	}
}

static void insert(long rows)
{
	sqlite3_stmt *statement;
	char text[64];
	if (sqlite3_prepare_v2(db, "insert into t(name, weight) values (?, ?)", -1, &statement, NULL) != SQLITE_OK)
		exit(2);
	for (long i = 0; i < rows; i++) {
		int length = snprintf(text, sizeof(text), "row %ld of them", i * 7919 % 1000003);
		sqlite3_bind_text(statement, 1, text, length, SQLITE_TRANSIENT);
		sqlite3_bind_double(statement, 2, (double)i * 1.5);
		if (sqlite3_step(statement) != SQLITE_DONE)
			exit(2);
		sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
}

int main(int argc, char **argv)
{
	long rows = argc > 1 ? atol(argv[1]) : 300000;
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		return 2;
	run("create table t(id integer primary key, name text, weight real)");
	run("create index by_name on t(name)");
	run("begin");
	insert(rows);
	run("commit");
	run("select substr(name, 1, 6), count(*), group_concat(id) from t group by 1");
	run("update t set name = name || '!' where id % 3 = 0");
	sqlite3_close(db);
	return 0;
}
