/* odd_caller.c - calls odd_lib.c's functions from another module. */
extern int odd_plain(int), odd_tiny(int);
int odd_call_plain(int a);
int odd_call_tiny(int a);

int odd_call_plain(int a)
{
	int result = odd_plain(a); /* by the PLT, or without */

	__asm__ volatile("" : "+r"(result));
	return result;
}

int odd_call_tiny(int a)
{
	int result = odd_tiny(a);

	__asm__ volatile("" : "+r"(result));
	return result;
}
