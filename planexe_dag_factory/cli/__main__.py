from planexe_dag_factory.cli import app

app(prog_name="planexe-dag")
